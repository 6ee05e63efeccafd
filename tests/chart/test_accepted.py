"""A real API server takes what the chart renders, whatever the values, and has no warning."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from chart.helm import Helm, only, parsed
from chart.value_sets import SETS
from controlplane import ControlPlane

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SYSTEM = """
apiVersion: v1
kind: Namespace
metadata:
  name: amends-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
"""
ACCOUNTS = ("amends", "undo", "undo-robot")
"""Those that pods of the value sets run as: the API server admits no pod without its account."""


def monitoring_kind(kind: str) -> dict[str, Any]:
    """A kind of the Prometheus operator, as far as the API server has to know it."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [version],
        },
    }


def bare(kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    """An object of which only the name matters."""
    where = {} if namespace is None else {"namespace": namespace}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **where}}


@pytest.fixture(scope="module")
def prepared(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster with what a dry run does not make but asks for, and with the optional kinds."""
    kinds = [monitoring_kind("ServiceMonitor"), monitoring_kind("PrometheusRule")]
    needed = yaml.safe_dump_all(
        [
            *(bare("Namespace", name) for name in ("billing", "checkout")),
            *(bare("ServiceAccount", name, "amends-system") for name in ACCOUNTS),
            *kinds,
        ]
    )
    for text in (SYSTEM, needed):
        cluster.kubectl("apply", "--server-side", "-f", "-", input=text)
    names = [f"crd/{kind['metadata']['name']}" for kind in kinds]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    yield cluster
    cluster.kubectl("delete", "--wait=false", "-f", "-", input=needed)


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_api_server_takes_every_object(
    prepared: ControlPlane, offline: Helm, values: dict[str, Any]
) -> None:
    manifests = offline.template(values)

    answer = prepared.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"),
        input=manifests,
    )

    taken = [line for line in answer.stdout.splitlines() if line.endswith("(server dry run)")]
    assert len(taken) == len(parsed(manifests))
    assert answer.stderr == ""


def test_its_pods_may_run_where_pod_security_is_restricted(
    prepared: ControlPlane, offline: Helm
) -> None:
    template = only(offline.objects(), "Deployment")["spec"]["template"]
    spec = template["spec"]
    as_root = {**spec, "securityContext": {}}

    def pod(spec: dict[str, Any]) -> str:
        named = {"generateName": "tried-", "namespace": "amends-system"}
        return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": spec})

    create = ("create", "--dry-run=server", "-f", "-")
    assert "created (server dry run)" in prepared.kubectl(*create, input=pod(spec)).stdout
    refused = prepared.kubectl(*create, input=pod(as_root), check=False)
    assert 'violates PodSecurity "restricted' in refused.stderr
