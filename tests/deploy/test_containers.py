"""The images and compose, as far as they can be judged without an engine."""

import os
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

import compose
import grimp
import pytest
import yaml
from packaging.requirements import Requirement

from deploy import containers
from deploy.local import infrastructure
from deploy.local.credentials import CALLERS
from tests.deploy.conftest import PROGRAMS, ROOT

FILE = ROOT / "deploy" / "compose.yaml"
COMPOSE = Path(compose.__file__).parent / "docker-compose"  # the console script beside it always ends with 0
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]


def resolve(*options: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [COMPOSE, *options, "-f", FILE, "config"], env=clean, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def services(rendered: None) -> dict[str, Any]:
    resolved = resolve("--env-file", str(ROOT / "deploy" / "secrets.env"))
    assert resolved.returncode == 0, resolved.stderr
    found: dict[str, Any] = yaml.safe_load(resolved.stdout)["services"]
    return found


def test_the_dockerfile_has_no_fault_and_a_faulty_one_has(tmp_path: Path) -> None:
    faulty = tmp_path / "Dockerfile"
    faulty.write_text("FROM python\nRUN cd /tmp && sudo pip install flask\n")

    for file, code in ((ROOT / "deploy" / "Dockerfile", 0), (faulty, 1)):
        judged = subprocess.run([PROGRAMS / "hadolint", file], capture_output=True, text=True, check=False)
        assert judged.returncode == code, judged.stdout


def test_compose_refuses_to_start_without_secrets() -> None:
    refused = resolve("--env-file", os.devnull)

    assert refused.returncode != 0
    assert "make up makes it" in refused.stderr


def test_every_container_is_hardened_pinned_and_limited(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service.get("read_only") or name == "evolution", name
        assert int(service["mem_limit"]) > 0, name
        assert (
            "build" in service
            or service["image"].rpartition(":")[2][-1].isdigit()
            or "-" in service["image"].rpartition(":")[2]
        ), name
        assert "ports" not in service or service["ports"][0]["host_ip"] == "127.0.0.1", name


def test_every_container_starts_when_what_it_needs_is_healthy(services: dict[str, Any]) -> None:
    waited_for = {
        (name, needed["condition"])
        for service in services.values()
        for name, needed in service.get("depends_on", {}).items()
    }

    assert {condition for _, condition in waited_for} == {"service_healthy", "service_completed_successfully"}
    for name, _ in waited_for - {
        ("migrations", "service_completed_successfully"),
        ("owner", "service_completed_successfully"),
    }:
        assert "test" in services[name].get("healthcheck", {}) or name in CALLERS, name
    assert {*services["gateway"]["depends_on"]} >= {*CALLERS} - {"gateway"}


def test_postgres_knows_the_letters_of_portuguese(services: dict[str, Any]) -> None:
    """With the locale C alone, a search for joão does not find JOÃO."""
    assert "--lc-ctype=C.UTF-8" in services["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()


def test_no_secret_stands_in_the_file_itself(services: dict[str, Any]) -> None:
    secrets = [
        value for name, value in containers.read((ROOT / "deploy" / "secrets.env").read_text()).items()
    ]

    assert len({*secrets}) == len(secrets) > 20
    assert not any(secret in FILE.read_text() for secret in secrets)


def test_envoys_template_is_valid_for_containers_too(tmp_path: Path) -> None:
    for hops in (0, 1):
        file = tmp_path / "envoy.yaml"
        file.write_text(containers.edge(hops))
        command = [str(infrastructure.envoy_program()), "--mode", "validate", "-l", "warn", "-c", str(file)]
        validation = subprocess.run(command, capture_output=True, text=True, check=False)
        assert validation.returncode == 0, validation.stderr


@pytest.mark.parametrize("cluster", ["", containers.CLUSTER])
def test_natss_template_is_valid_for_one_node_and_for_three(tmp_path: Path, cluster: str) -> None:
    file = tmp_path / "nats.conf"
    file.write_text(containers.broker(cluster))
    told = {name: value for name, value in containers.made().items() if name.startswith("PASSWORD_")}
    routes = {f"ROUTE_{number}": f"nats://route:p1@nats-{number}.nats:6222" for number in range(3)}

    command: list[str | Path] = [infrastructure.PROGRAMS / "nats-server", "-t", "-c", file]
    validation = subprocess.run(
        command, env={**told, **routes, "POD_NAME": "nats-0"}, capture_output=True, text=True, check=False
    )

    assert validation.returncode == 0, validation.stderr


def group(name: str) -> set[str]:
    """What a dependency group installs, directly and through others."""
    wanted: list[str] = []
    for entry in GROUPS[name]:
        if isinstance(entry, dict):
            wanted += group(entry["include-group"])
        else:
            wanted += _with_dependencies(Requirement(entry))
    return {*wanted}


def _with_dependencies(requirement: Requirement, extra: str = "") -> set[str]:
    name = _normal(requirement.name)
    found = {name}
    try:
        told = [Requirement(one) for one in distribution(name).requires or ()]
    except PackageNotFoundError:
        return found
    for one in told:
        for asked in requirement.extras or {""}:
            if one.marker is None or one.marker.evaluate({"extra": asked}):
                found |= _with_dependencies(one)
    return found


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


@pytest.mark.parametrize("service", [*CALLERS, "migrations"])
def test_an_image_installs_what_its_code_imports(service: str) -> None:
    graph = grimp.build_graph("services", "gateway", "protos", include_external_packages=True, cache_dir=None)
    starts = {
        "gateway": ["gateway.__main__"],
        "migrations": ["services.kit.migrate", *(one for one in graph.modules if one.endswith("models"))],
    }
    reached = {
        one
        for start in starts.get(service, [f"services.{service}.__main__"])
        for one in graph.find_upstream_modules(start)
    }
    owners = packages_distributions()
    imported = {one.partition(".")[0] for one in reached if graph.is_module_squashed(one)}

    installed = group(service)

    missing = {
        one for one in imported & owners.keys() if not {_normal(owner) for owner in owners[one]} & installed
    }
    assert imported
    assert missing == set()
