"""The kubernetes executor on a kind that somebody else defines: its lists, its status, its end."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from amends.core.outcome import Applied, NotApplied
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.ports import Rejected
from integration.cluster import Refused
from integration.cluster_doubts import Crash, Faulty, crashed, work
from integration.cluster_objects import Namespaced, runner_may
from support.api import Api, Object
from support.tenant import Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

GROUP = "kinds.example.com"
GADGETS = (GROUP, "gadgets")
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMED = {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "name": "gadget"}
PLAIN: Object = {"type": "array", "items": {"type": "string"}}
SPEC = {"parts": ["a", "b", "c"]}


def _version(name: str, *, served: bool = True) -> Object:
    spec = {"type": "object", "properties": {"parts": PLAIN}}
    status = {"type": "object", "properties": {"phase": {"type": "string"}}}
    properties = {"spec": spec, "status": status}
    return {
        "name": name,
        "served": served,
        "storage": name == "v1beta1",
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
        "subresources": {"status": {}},
    }


@pytest.fixture
def gadgets(installed: Installed) -> Iterator[Api]:
    """The kind is served, in v1beta1, where it is stored, and in v1."""
    admin = installed.user("admin")
    names = {"kind": "Gadget", "plural": "gadgets", "singular": "gadget", "listKind": "GadgetList"}
    versions = [_version("v1beta1"), _version("v1")]
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": versions}
    admin.call("POST", CRDS, {"metadata": {"name": f"gadgets.{GROUP}"}, "spec": spec})
    _until(admin, served=True)
    yield admin
    admin.call("DELETE", f"{CRDS}/gadgets.{GROUP}")
    _until(admin, served=False)


def _until(admin: Api, *, served: bool) -> None:
    def is_so() -> bool:
        try:
            admin.call("GET", f"/apis/{GROUP}/v1/gadgets")
            admin.call("GET", f"/apis/{GROUP}/v1")
        except (Refused, ValueError):  # what is not served answers 404 in plain text
            return not served
        return served

    wait_for(is_so, seconds=30, what="the kind to be served, or not any more")


@pytest.fixture
def objects(tenant: Tenant, gadgets: Api) -> Namespaced:
    runner_may(tenant, GADGETS, "get", "patch", "delete", "create")
    made = Namespaced(tenant)
    made.create(GADGETS, "gadget", apiVersion=NAMED["apiVersion"], kind="Gadget", spec=SPEC)
    return made


@pytest.mark.parametrize("drift", ["Refuse", "Allow"])
async def test_a_crash_after_the_removal_from_a_plain_list_removes_no_second_element(
    drift: str,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    """A list without keys belongs as a whole to who has changed it, and so it tells."""
    steps = [{"op": "remove", "path": "/spec/parts/0"}]
    asked = await work(tenant, executor, **NAMED, previewDrift=drift, patch={"json": steps})
    faulty.after = crashed
    with pytest.raises(Crash):
        await executor.run(asked)
    faulty.after = None

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Applied)
    assert faulty.writes == 1
    assert objects.read(GADGETS, "gadget")["spec"]["parts"] == ["b", "c"]


READY: Object = {"status": {"phase": "Ready"}}


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        pytest.param("Patch", {"patch": {"merge": READY}}, id="merge"),
        pytest.param(
            "Patch",
            {"patch": {"json": [{"op": "add", "path": "/status", "value": {"phase": "Ready"}}]}},
            id="json",
        ),
        pytest.param("Apply", {"manifest": READY}, id="Apply"),
    ],
)
async def test_what_the_server_would_ignore_is_refused_and_never_said_to_be_so_already(
    operation: str,
    change: Any,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
) -> None:
    with pytest.raises(Rejected, match="status of Gadget is written through a resource of its own"):
        await work(tenant, executor, operation, **NAMED, **change)


async def test_an_object_whose_version_is_served_no_longer_is_not_said_to_be_deleted(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, gadgets: Api
) -> None:
    asked = await work(tenant, executor, "Delete", **NAMED)
    beside = f"/apis/{GROUP}/v1beta1/namespaces/{tenant.namespace}/gadgets/gadget"
    versions = [_version("v1beta1"), _version("v1", served=False)]
    merge = "application/merge-patch+json"
    gadgets.call(
        "PATCH", f"{CRDS}/gadgets.{GROUP}", {"spec": {"versions": versions}}, content_type=merge
    )
    _until(gadgets, served=False)

    outcome = await executor.run(asked)

    assert isinstance(outcome, NotApplied)
    assert "the API server does not know where Gadget gadget" in outcome.reason
    assert gadgets.call("GET", beside)["spec"] == SPEC
