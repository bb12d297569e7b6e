"""Our own rules for what runs in the cluster, beyond its schemas: each says what is wrong, or nothing."""

from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]

WORKLOADS = ("Deployment", "StatefulSet", "Job")
OURS = ("gateway", "identity", "messaging", "intelligence", "sales", "campaigns", "knowledge")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
NAME = "app.kubernetes.io/name"
BEFORE_THE_DOOR_CLOSES = 5  # seconds in preStop: until every node knows that the pod leaves
AFTER_THE_DRAIN = 10


def complaints(resource: Resource) -> Iterator[str]:
    """About one workload."""
    name = f"{resource['kind']} {resource['metadata']['name']}"
    pod = resource["spec"]["template"]["spec"]
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        yield f"{name} may run as root"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{name} has no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{name} gets a token of the cluster"
    for container in pod["containers"]:
        yield from (f"{name} {what}" for what in _in_container(container))
        if resource["kind"] != "Job":
            yield from (f"{name} {what}" for what in _in_life(container, pod))


def _in_container(container: Resource) -> Iterator[str]:
    security = container.get("securityContext", {})
    if not security.get("readOnlyRootFilesystem"):
        yield "may write to its root"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    resources = container.get("resources", {})
    for kind in ("requests", "limits"):
        if {"cpu", "memory"} - {*resources.get(kind, {})}:
            yield f"has no {kind}"
    if ":latest" in container["image"]:
        yield "has an image of no version"


def _in_life(container: Resource, pod: Resource) -> Iterator[str]:
    probes = [container.get(probe) for probe in PROBES]
    if not all(probes):
        yield "lacks a probe"
    asks = [
        {
            name: value
            for name, value in (probe or {}).items()
            if not name.endswith("s") and "Threshold" not in name
        }
        for probe in probes
    ]
    if any(ask in asks[:number] for number, ask in enumerate(asks)) and container["name"] == "service":
        yield "asks the same with two probes"
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    drain = sum(float(one["value"]) for one in container.get("env", ()) if one["name"] == "DRAIN_S")
    if container["name"] == "service" and pause < BEFORE_THE_DOOR_CLOSES:
        yield "ends before everybody knows"
    if pod.get("terminationGracePeriodSeconds", 30) < pause + drain + AFTER_THE_DRAIN:
        yield "is killed while it drains"


def unprotected(resources: list[Resource]) -> set[str]:
    """What has several replicas and no disruption budget, or is ours and does not scale."""
    budgets = {
        one["spec"]["selector"]["matchLabels"][NAME]
        for one in resources
        if one["kind"] == "PodDisruptionBudget"
    }
    scaled = {
        one["spec"]["scaleTargetRef"]["name"] for one in resources if one["kind"] == "HorizontalPodAutoscaler"
    }
    several = {
        one["metadata"]["name"]
        for one in resources
        if one["kind"] in WORKLOADS and one["spec"].get("replicas", 1) > 1
    }
    return ((several | scaled) - budgets) | ({*OURS} - scaled)


def edges(resources: list[Resource], direction: str) -> set[tuple[str, str]]:
    """Who may call whom on the port of our services: as the callers' policies say, or as the callees' say."""
    found = set()
    for policy in (one for one in resources if one["kind"] == "NetworkPolicy"):
        here = policy["spec"]["podSelector"].get("matchLabels", {}).get(NAME)
        for rule in policy["spec"].get(direction, ()):
            if {"port": 9000} in rule["ports"]:
                there = [
                    one["podSelector"]["matchLabels"][NAME]
                    for one in rule["from" if direction == "ingress" else "to"]
                ]
                found |= {(here, one) if direction == "egress" else (one, here) for one in there}
    return found
