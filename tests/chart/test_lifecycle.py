"""Install, upgrade, roll back, uninstall with real helm: no record is lost, or forged meanwhile."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import installation
from chart.helm import Helm, HelmFailed
from chart.release import OURS, Release, earlier_chart, manifest, released
from chart.value_sets import TENANT
from controlplane import ControlPlane
from integration.cluster import Refused
from support.api import MERGE_PATCH, Api
from support.manifests import unique

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

PLAN = {"targetEffect": "effect-x", "execution": {"record": {}}}
DEEP = {"operation": "x", "input": json.loads('{"a":' * 30 + "1" + "}" * 30)}


@dataclass(frozen=True)
class Shop:
    """A tenant, as the admin sees it."""

    cp: ControlPlane
    namespace: str

    @property
    def values(self) -> dict[str, Any]:
        """As the chart makes it; without a quota, which the cluster takes a while to count."""
        return {"tenants": {self.namespace: {**TENANT, "quota": {}}}}

    def create(self, kind: str, name: str, spec: dict[str, Any], check: bool = True) -> str:
        """What kubectl says when an object is created."""
        text = manifest(kind, name, self.namespace, spec)
        said = self.cp.kubectl("create", "-f", "-", input=text, check=check)
        return said.stdout + said.stderr

    def records(self) -> list[object]:
        """Every record, whole."""
        asked = ("get", "amends", "-n", self.namespace, "-o", "json")
        items: list[object] = json.loads(self.cp.kubectl(*asked).stdout)["items"]
        return items

    def settle(self, name: str, who: Path | None = None, **status: Any) -> str:
        """What somebody hears who writes a status; the admin, unless a kubeconfig is given."""
        api = Api(who or self.cp.kubeconfig())
        path = f"/apis/amends.dev/v1alpha1/namespaces/{self.namespace}/compensations/{name}/status"
        try:
            api.call(
                "PATCH",
                path,
                {"status": status or {"observedGeneration": 1}},
                content_type=MERGE_PATCH,
            )
        except Refused as refused:
            return str(refused)
        finally:
            api.close()
        return "written"


def written(release: Release, kind: str) -> dict[str, tuple[int, list[str]]]:
    """How often and when the spec of every object of a kind was written."""
    asked = ("get", kind, "-l", OURS, "-o", "json", "--show-managed-fields")
    items = json.loads(release.cp.kubectl(*asked).stdout)["items"]
    return {
        one["metadata"]["name"]: (
            one["metadata"]["generation"],
            [e["time"] for e in one["metadata"]["managedFields"] if "f:spec" in e["fieldsV1"]],
        )
        for one in items
    }


@pytest.fixture
def shop(cluster: ControlPlane) -> Iterator[Shop]:
    """A tenant that is not made yet; no other test has its name."""
    made = Shop(cluster, unique("shop"))
    yield made
    cluster.kubectl("delete", "namespace", made.namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture
def release(helm: Helm, cluster: ControlPlane) -> Iterator[Release]:
    """A release that is not installed yet; nothing is left of it."""
    made = Release(helm, cluster)
    yield made
    made.remove()


def test_upgrade_rollback_and_uninstall_keep_every_record(
    release: Release, shop: Shop, tmp_path: Path
) -> None:
    release.install(shop.values, chart=earlier_chart(tmp_path))
    shop.create("Compensation", "undo", PLAN)
    shop.create("Action", "deep-before", DEEP)
    kept = shop.records()

    bindings = written(release, "validatingadmissionpolicybindings")
    release.upgrade(shop.values)
    assert shop.records() == kept
    # Who made a statement is known since its policies were last written: an upgrade that would
    # write what it leaves as it is would put what waits for approval in doubt.
    assert bindings.items() <= written(release, "validatingadmissionpolicybindings").items()
    policies = written(release, "validatingadmissionpolicies")
    assert {generation for generation, _ in policies.values()} == {1}
    assert "more than 24 levels deep" in shop.create("Action", "deep", DEEP, check=False)

    release("rollback")
    assert shop.records() == kept

    said = release("uninstall")
    assert "kept due to the resource policy" in said
    assert shop.records() == kept
    assert "may not write compensations/status" in shop.settle("undo")

    release.install(shop.values)
    assert shop.records() == kept
    assert "may not write compensations/status" in shop.settle("undo")


def test_without_keep_an_uninstall_removes_all_but_the_tenants_namespace(
    release: Release, shop: Shop
) -> None:
    release.install({**shop.values, "crds": {"keep": False}})
    shop.create("Compensation", "undo", PLAN)
    operator = release.cp.service_account_kubeconfig(release.namespace, "amends")
    # What is approved may be under way, and a policy keeps people from deleting it.
    assert shop.settle("undo", operator, phase="AwaitingApproval") == "written"
    assert shop.settle("undo", operator, phase="Approved") == "written"

    release("uninstall")

    release.cp.kubectl("wait", "--for=delete", "--timeout=60s", "crd", "-l", OURS)
    left = release.cp.kubectl(
        *("get", "clusterroles,clusterrolebindings,validatingadmissionpolicies", "-l", OURS),
        *("-o", "name"),
    )
    assert left.stdout == ""
    phase = ("get", "namespace", shop.namespace, "-o", "jsonpath={.status.phase}")
    assert release.cp.kubectl(*phase).stdout == "Active"


def test_an_installation_of_plain_files_is_taken_over(release: Release, shop: Shop) -> None:
    installation.install(release.cp)
    release.cp.kubectl("create", "namespace", shop.namespace)
    shop.create("Compensation", "undo", PLAN)
    kept = shop.records()
    with pytest.raises(HelmFailed, match="invalid ownership metadata"):
        release.install()

    release.install({}, "--take-ownership", "--force-conflicts")

    assert shop.records() == kept
    assert "may not write compensations/status" in shop.settle("undo")


def test_another_release_elsewhere_under_another_account_is_the_only_writer(
    helm: Helm, cluster: ControlPlane, shop: Shop
) -> None:
    elsewhere = Release(helm, cluster, name="undo", namespace="platform")
    with released(elsewhere, {**shop.values, "serviceAccount": {"name": "undo-robot"}}):
        shop.create("Compensation", "undo", PLAN)
        cluster.kubectl("create", "serviceaccount", "amends", "-n", "platform")
        # Rights alone make no writer: the policy names the one account.
        cluster.kubectl(
            *("create", "clusterrolebinding", "impostor", "--clusterrole=amends-operator"),
            "--serviceaccount=platform:amends",
        )
        said = {
            account: shop.settle("undo", cluster.service_account_kubeconfig("platform", account))
            for account in ("undo-robot", "amends")
        }
        cluster.kubectl("delete", "clusterrolebinding", "impostor")
        runs_as = elsewhere.pod()["serviceAccountName"]

    assert said["undo-robot"] == "written"
    refusal = "system:serviceaccount:platform:amends may not write compensations/status"
    assert refusal in said["amends"]
    assert runs_as == "undo-robot"
