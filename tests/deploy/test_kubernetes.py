"""The manifests: against Kubernetes' schemas, against rules of our own, and against the code."""

import copy
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from services.campaigns.settings import Settings as CampaignsSettings
from tests.deploy import edges, rules
from tests.deploy.rules import Resource

OPERATORS = ("postgresql.cnpg.io/v1",)  # their schemas come with their operators
VERSION = kubernetes_validate.latest_version()


def workloads(resources: list[Resource]) -> list[Resource]:
    return [one for one in resources if one["kind"] in rules.WORKLOADS]


def test_every_resource_is_valid(resources: list[Resource]) -> None:
    for resource in resources:
        if resource["apiVersion"] not in OPERATORS:
            kubernetes_validate.validate(resource, VERSION, strict=True)


def test_control_a_wrong_type_is_found(resources: list[Resource]) -> None:
    broken = copy.deepcopy(workloads(resources)[0])
    broken["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = "sixty"

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_every_workload_keeps_our_rules(resources: list[Resource]) -> None:
    assert len(workloads(resources)) >= 10
    assert [what for one in workloads(resources) for what in rules.complaints(one)] == []


def container(pod: Any) -> Any:
    return pod["containers"][0]


BREACHES: dict[str, Callable[[Any], Any]] = {
    "may run as root": lambda pod: pod["securityContext"].pop("runAsUser"),
    "has no seccomp profile": lambda pod: pod["securityContext"].pop("seccompProfile"),
    "gets a token of the cluster": lambda pod: pod.pop("automountServiceAccountToken"),
    "may write to its root": lambda pod: container(pod)["securityContext"].pop("readOnlyRootFilesystem"),
    "may gain privileges": lambda pod: container(pod)["securityContext"].pop("allowPrivilegeEscalation"),
    "keeps capabilities": lambda pod: container(pod)["securityContext"].pop("capabilities"),
    "has no limits": lambda pod: container(pod)["resources"].pop("limits"),
    "has an image of no version": lambda pod: container(pod).update(image="sales:latest"),
    "lacks a probe": lambda pod: container(pod).pop("readinessProbe"),
    "asks the same with two probes": lambda pod: container(pod).update(
        livenessProbe=container(pod)["readinessProbe"]
    ),
    "ends before everybody knows": lambda pod: container(pod).pop("lifecycle"),
    "is killed while it drains": lambda pod: pod.update(terminationGracePeriodSeconds=15),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_control_each_breach_of_a_rule_is_found(resources: list[Resource], breach: str) -> None:
    sales = copy.deepcopy(next(one for one in workloads(resources) if one["metadata"]["name"] == "sales"))

    BREACHES[breach](sales["spec"]["template"]["spec"])

    assert f"Deployment sales {breach}" in rules.complaints(sales)


def test_what_has_replicas_has_a_disruption_budget_and_ours_scale(resources: list[Resource]) -> None:
    assert rules.unprotected(resources) == set()

    assert rules.unprotected([one for one in resources if one["kind"] != "PodDisruptionBudget"]) >= {
        "nats",
        "envoy",
    }


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_the_network_lets_through_exactly_the_edges_of_the_code(
    resources: list[Resource], direction: str
) -> None:
    assert rules.edges(resources, direction) == edges.of_the_code()


def test_nobody_talks_to_anybody_unless_a_policy_says_so(resources: list[Resource]) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in resources if one["kind"] == "NetworkPolicy"}

    assert policies["nobody"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert {*policies} >= {one["metadata"]["name"] for one in workloads(resources)} | {"postgres"}


def test_postgres_nats_and_secrets_are_what_the_system_counts_on(resources: list[Resource]) -> None:
    by_name = {(one["kind"], one["metadata"]["name"]): one for one in resources}
    configuration = next(
        one
        for kind, name in by_name
        for one in [by_name[kind, name]]
        if kind == "ConfigMap" and name.startswith("nats")
    )
    namespace = by_name["Namespace", "convo-insight"]["metadata"]["labels"]

    assert by_name["StatefulSet", "nats"]["spec"]["replicas"] == 3
    assert "sync_interval: always" in configuration["data"]["nats.conf"]
    cluster = by_name["Cluster", "postgres"]["spec"]
    assert (cluster["instances"], cluster["bootstrap"]["initdb"]["localeCType"]) == (3, "C.UTF-8")
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_settings_that_the_cluster_gives_exist(resources: list[Resource]) -> None:
    given = next(
        one["data"]
        for one in resources
        if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith("convo")
    )

    known = {name.upper() for name in CampaignsSettings.model_fields}
    assert {"NATS_REPLICAS", "MESSAGING_ADDR", "SALES_ADDR", "IDENTITY_ADDR", "APP_ENV"} <= {*given} & known
