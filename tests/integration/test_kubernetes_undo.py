"""The kubernetes executor: what it would change is shown, approved, and done as the tenant."""

import json

import pytest

from installation import RunningOperator
from integration.cluster import Refused
from integration.cluster_objects import (
    CONFIGMAPS,
    DEPLOYMENTS,
    SECRETS,
    SETTINGS,
    Namespaced,
    change,
    deployment,
    merge,
    preview,
    runner_may,
)
from support.api import Object
from support.tenant import Tenant, condition

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


@pytest.fixture
def objects(tenant: Tenant) -> Namespaced:
    return Namespaced(tenant)


def evidence(tenant: Tenant, done: Object) -> Object:
    """What the Receipt says of the object."""
    receipt = tenant.read("Receipt", done["status"]["receiptRef"]["name"])
    found: Object = receipt["spec"]["payload"]["evidence"]
    return found


# ------------------------------------------------------------------------------- Patch


def test_a_merge_patch_is_shown_approved_and_made(tenant: Tenant, objects: Namespaced) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "patch")
    before = objects.settings()
    tenant.create(merge(data={"color": "blue", "size": None, "shape": "round"}))

    shown = ['/data/color: "red" → "blue"', '/data/shape: added "round"']
    shown.append('/data/size: removed (was "2")')
    assert preview(tenant) == shown
    assert objects.data() == SETTINGS

    tenant.approve("undo")
    done = tenant.in_phase("undo", "Completed")

    assert objects.data() == {"color": "blue", "shape": "round"}
    after = objects.read(CONFIGMAPS)
    found = evidence(tenant, done)
    manager = found.pop("fieldManager")
    assert found == {
        "operation": "Patch",
        "object": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "namespace": tenant.namespace,
            "name": "settings",
            "uid": before["metadata"]["uid"],
        },
        "resourceVersion": {
            "before": before["metadata"]["resourceVersion"],
            "after": after["metadata"]["resourceVersion"],
        },
        "changes": shown,
    }
    assert manager in [one["manager"] for one in after["metadata"]["managedFields"]]
    assert done["status"]["preview"]["uid"] == before["metadata"]["uid"]


def test_a_json_patch_is_made(tenant: Tenant, objects: Namespaced) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "patch")
    objects.settings()
    steps = [
        {"op": "test", "path": "/data/color", "value": "red"},
        {"op": "remove", "path": "/data/color"},
    ]
    tenant.create(change("undo", "Patch", patch={"json": steps}))

    assert preview(tenant) == ['/data/color: removed (was "red")']
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")

    assert objects.data() == {"size": "2"}


def test_a_strategic_patch_finds_the_container_by_its_name(
    tenant: Tenant, objects: Namespaced
) -> None:
    runner_may(tenant, DEPLOYMENTS, "get", "patch")
    objects.create(DEPLOYMENTS, "web", spec=deployment(replicas=3))
    back = {"name": "web", "image": "web:1", "env": [{"name": "DB_PASSWORD", "value": "planted"}]}
    spec = {"replicas": 2, "template": {"spec": {"containers": [back]}}}
    patch = {"strategic": {"spec": spec}}
    tenant.create(change("undo", "Patch", "Deployment", of="web", patch=patch))

    assert preview(tenant) == [
        "/spec/replicas: 3 → 2",
        "/spec/template/spec/containers/0/env/0/value: [redacted] → [redacted]",
        '/spec/template/spec/containers/0/image: "web:2" → "web:1"',
    ]
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")

    after = objects.read(DEPLOYMENTS, "web")["spec"]
    images = [one["image"] for one in after["template"]["spec"]["containers"]]
    assert (after["replicas"], images) == (2, ["web:1", "side:1"])


def test_where_it_is_so_already_nothing_is_written(tenant: Tenant, objects: Namespaced) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "patch")
    before = objects.settings(color="blue")
    tenant.ask(merge())

    done = tenant.in_phase("undo", "Completed")

    assert objects.read(CONFIGMAPS) == {**before, "kind": "ConfigMap", "apiVersion": "v1"}
    assert done["status"]["preview"]["changes"] == ["nothing: it is so already"]
    assert evidence(tenant, done)["told"] == "it was so already"


# ------------------------------------------------------------------------------- Apply


def test_apply_creates_what_is_not_there(tenant: Tenant, objects: Namespaced) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "create")
    tenant.create(change("undo", "Apply", manifest={"data": {"color": "blue"}}))

    assert preview(tenant)[0] == "the object is created"
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")

    assert objects.data() == {"color": "blue"}


def test_apply_takes_over_only_what_was_shown(tenant: Tenant, objects: Namespaced) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "patch")
    objects.settings()
    tenant.create(change("undo", "Apply", manifest={"data": {"color": "blue"}}))

    color, taken = preview(tenant)
    assert color == '/data/color: "red" → "blue"'
    assert taken.startswith("takes over .data.color from ")
    tenant.approve("undo")
    done = tenant.in_phase("undo", "Completed")

    assert objects.data() == {"color": "blue", "size": "2"}
    assert evidence(tenant, done)["changes"] == [color, taken]


def test_apply_that_nobody_approves_takes_nothing_over(tenant: Tenant, objects: Namespaced) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "patch")
    objects.settings()
    blue = {"data": {"color": "blue"}}
    tenant.create(change("undo", "Apply", manifest=blue, previewDrift="Allow"))

    stuck = tenant.ready("Compensation", "undo", "NotExecutable")

    assert "choose previewDrift: Refuse" in condition(stuck)["message"]
    assert objects.data() == SETTINGS


# ------------------------------------------------------------------------------- Delete


def test_delete_shows_what_goes_and_deletes_that_very_object(
    tenant: Tenant, objects: Namespaced
) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "delete")
    uid = objects.settings(color="red")["metadata"]["uid"]
    tenant.create(change("undo", "Delete"))

    shown = [f"the object is deleted (uid {uid})", '/data: removed (was {"color": "red"})']
    assert preview(tenant) == shown
    assert objects.data() == {"color": "red"}
    tenant.approve("undo")
    done = tenant.in_phase("undo", "Completed")

    assert "settings" not in objects.names(CONFIGMAPS)
    found = evidence(tenant, done)
    assert (found["object"]["uid"], found["changes"], "told" in found) == (uid, shown, False)


def test_what_is_gone_already_is_deleted(tenant: Tenant) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "delete")
    tenant.ask(change("undo", "Delete"))

    done = tenant.in_phase("undo", "Completed")

    assert preview(tenant) == ["the object does not exist: nothing is left to delete"]
    assert evidence(tenant, done)["told"] == "the object does not exist"


# ------------------------------------------------------------------------------- what cannot be


def test_what_the_runner_may_not_do_is_said_before_anybody_approves(
    tenant: Tenant, objects: Namespaced
) -> None:
    objects.settings()
    runner_may(tenant, CONFIGMAPS, "get")
    tenant.create(merge())

    stuck = tenant.ready("Compensation", "undo", "NotExecutable")
    assert condition(stuck)["message"] == (
        "service account amends-runner may not patch configmaps settings: add to a Role in "
        f'namespace {tenant.namespace} {{apiGroups: [""], resources: [configmaps], verbs: '
        "[get, patch]}, and bind it to the account"
    )

    runner_may(tenant, CONFIGMAPS, "patch")
    tenant.patch("Compensation", "undo", {"spec": {"rollbackInstruction": "blue again"}})
    tenant.in_phase("undo", "AwaitingApproval")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(merge(of="nobody"), "ConfigMap nobody of namespace", id="no such object"),
        pytest.param(
            change("undo", "Delete", "Gadget"), "no kind Gadget in apiVersion v1", id="kind"
        ),
        pytest.param(
            change("undo", "Delete", "Namespace", of="default"),
            "whole cluster",
            id="not namespaced",
        ),
        pytest.param(
            change("undo", "Patch", patch={"merge": {"date": {}}}), "unknown field", id="misspelt"
        ),
        pytest.param(
            change("undo", "Patch", patch={"json": [{"op": "remove", "path": "/data/shape"}]}),
            "the API server refuses it",
            id="does not apply",
        ),
        pytest.param(
            change("undo", "Patch", patch={"merge": {"metadata": {"managedFields": []}}}),
            "managedFields are the server's",
            id="the server's own",
        ),
        pytest.param(
            change(
                "undo",
                "Patch",
                patch={
                    "json": [{"op": "replace", "path": "x/metadata/managedFields", "value": [{}]}]
                },
            ),
            "managedFields are the server's",
            id="the server's own, by a path that the server reads as the same",
        ),
    ],
)
def test_what_can_never_be_done_says_why(
    asked: Object, said: str, tenant: Tenant, objects: Namespaced
) -> None:
    runner_may(tenant, CONFIGMAPS, "get", "patch")
    objects.settings()
    tenant.create(asked)

    stuck = tenant.ready("Compensation", "undo", "NotExecutable")

    assert said in condition(stuck)["message"]
    assert objects.data() == SETTINGS


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (change("undo", "Apply"), "operation Apply needs manifest"),
        (change("undo", "Patch"), "operation Patch needs patch"),
        (change("undo", "Delete", manifest={}), "operation Delete takes no manifest"),
        (change("undo", "Delete", patch={"merge": {}}), "operation Delete takes no patch"),
        (
            change("undo", "Patch", patch={"merge": {}, "json": [{"op": "add"}]}),
            "patch needs exactly one form",
        ),
        (
            change("undo", "Apply", manifest={"kind": "Secret"}),
            "manifest.kind is Secret, and kind is ConfigMap",
        ),
        (
            change("undo", "Apply", manifest={"apiVersion": "v2"}),
            "manifest.apiVersion is v2, and apiVersion is v1",
        ),
        (
            change("undo", "Apply", manifest={"metadata": {"name": "other"}}),
            "manifest.metadata.name is other, and name is settings",
        ),
        (
            change("undo", "Apply", manifest={"metadata": {"namespace": "kube-system"}}),
            "manifest.metadata.namespace is kube-system: leave it out",
        ),
        (
            change("undo", "Delete", "Receipt", apiVersion="amends.dev/v1alpha1"),
            "apiVersion amends.dev/v1alpha1 is of Amends itself",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(asked: Object, said: str, tenant: Tenant) -> None:
    with pytest.raises(Refused) as refused:
        tenant.create(asked)
    assert said in str(refused.value)


# ------------------------------------------------------------------------------- secrets


def test_no_value_of_a_secret_is_written_anywhere(
    tenant: Tenant, objects: Namespaced, running: RunningOperator
) -> None:
    runner_may(tenant, SECRETS, "get", "patch", "delete")
    planted = {"pin": "planted-pin", "color": "planted-color"}
    objects.create(SECRETS, "settings", stringData=planted)
    tenant.create(change("undo", "Patch", "Secret", patch={"merge": {"data": {"pin": None}}}))

    assert preview(tenant) == ["/data/pin: removed (was [redacted])"]
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")
    tenant.create(change("then", "Delete", "Secret"))
    assert preview(tenant, "then")[1:] == [
        "/data: removed (was [redacted])",
        '/type: removed (was "Opaque")',
    ]
    tenant.approve("then")
    tenant.in_phase("then", "Completed")
    tenant.wait_for_event("then", "Executed")

    written: list[object] = [
        *tenant.every("Receipt"),
        *tenant.events("undo"),
        *tenant.events("then"),
    ]
    written += [one["status"] for one in tenant.every("Compensation")]
    everything = json.dumps(written) + running.log.read_text()
    assert "planted" not in everything
    assert "cGxhbnRlZ" not in everything  # the same in Base64
