"""Alerts and the dashboard ask for what the code exports, and for nothing else."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from services.kit import errors, telemetry
from tests.deploy.conftest import ROOT

FOLDER = ROOT / "deploy" / "observability"
NAMES = re.compile(r"\b(?:convo|process|python)_[a-z_]+")
LABELS = re.compile(r"(?:by \(|\{)([^)}]*)[)}]")
ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
FROM_PROMETHEUS = {"le", "job", "instance"}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def questions() -> Iterator[str]:
    yield from (alert["expr"] for alert in alerts())
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def exported() -> dict[str, set[str]]:
    """The name of every series, with its labels."""
    series: dict[str, set[str]] = {}
    for metric in vars(telemetry).values():
        if isinstance(metric, MetricWrapperBase):
            endings = ENDINGS[str(metric._type)]
            series |= {metric._name + ending: {*metric._labelnames} for ending in endings}
    process = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    return series | {name: set[str]() for name in process if name.startswith(("process_", "python_"))}


@pytest.mark.parametrize("question", [*questions()])
def test_a_question_can_be_read_and_asks_for_what_is_exported(question: str) -> None:
    known = exported()

    promql_parser.parse(question)

    names = {*NAMES.findall(question)}
    assert names <= {*known}
    asked = {
        word for part in LABELS.findall(question) for word in re.findall(r"\b([a-z]+)\b(?==|!|,|$| ?,)", part)
    }
    allowed = FROM_PROMETHEUS.union(*(known[name] for name in names))
    assert asked - allowed == set()


def test_everything_that_the_code_exports_is_on_the_dashboard() -> None:
    shown = " ".join(questions())

    own = {
        name.removesuffix("_sum").removesuffix("_count").removesuffix("_bucket")
        for name in exported()
        if name.startswith("convo_")
    }
    assert [name for name in sorted(own) if name not in shown] == []


def test_every_alert_says_what_is_wrong_and_where_to_look() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert {*alert["annotations"]} == {"summary", "look"}


def test_the_codes_that_alerts_name_exist() -> None:
    names = {kind().name for kind in (errors.Refusal, errors.Unavailable, errors.DeadlineExceeded)}

    assert names == {"refusal", "unavailable", "deadline_exceeded"}


def test_sentry_is_told_where_it_broke_and_not_what_was_written() -> None:
    event = {"exception": {"values": [{"type": "UniqueViolation", "value": "Key (phone)=(5511988887777)"}]}}

    told = telemetry._without_content(event, None)

    assert "5511988887777" not in str(told)
    assert told["exception"]["values"][0]["type"] == "UniqueViolation"
    assert len(told["tags"]["trace_id"]) == 32
