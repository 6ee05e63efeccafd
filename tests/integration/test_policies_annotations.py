"""A tenant's choices are durations; what else people do with Namespaces is not our business."""

import json

import pytest

from support.api import Object
from support.manifests import unique
from support.tenant import SECONDS, Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

POLICY = "amends-namespace-annotations"
BINDING = f"validatingadmissionpolicybinding/{POLICY}"
RETENTION = "amends.dev/retention"
WINDOW = "amends.dev/duplicate-window"
EITHER = pytest.mark.parametrize("name", [RETENTION, WINDOW])


def create(installed: Installed, **annotations: str) -> str:
    """Creates nothing; returns what the server says to a Namespace with these annotations."""
    obj: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": unique("annotated"), "annotations": annotations},
    }
    ended = installed.cp.kubectl(
        "create", "--dry-run=server", "-f", "-", input=json.dumps(obj), check=False
    )
    return ended.stderr.strip()


def annotate(tenant: Tenant, *words: str) -> str:
    ended = tenant.installed.cp.kubectl(
        "annotate", "--overwrite", "namespace", tenant.namespace, *words, check=False
    )
    return ended.stderr.strip()


@EITHER
@pytest.mark.parametrize("value", ["0", "45s", "10m", "12h", "30d", "999999999d"])
def test_a_duration_is_accepted(name: str, value: str, installed: Installed) -> None:
    assert create(installed, **{name: value}) == ""


@EITHER
@pytest.mark.parametrize(
    "value", ["", "30", "30 d", "1.5h", "-1d", "1w", "1D", "1h30m", "P30D", "1234567890s", "30d\n"]
)
def test_anything_else_is_refused_with_the_name_the_value_and_the_fix(
    name: str, value: str, installed: Installed
) -> None:
    shown = value.replace("\n", "\\n")
    assert (
        f'metadata.annotations[{name}] is "{shown}", which is no duration: write a number of at '
        "most 9 digits and s, m, h or d without a space, for example 30d or 10m, or 0"
    ) in create(installed, **{name: value})


def test_a_refusal_quotes_the_beginning_of_a_long_text(installed: Installed) -> None:
    said = create(installed, **{RETENTION: "x" * 100_000})

    assert f'metadata.annotations[{RETENTION}] is "{"x" * 80}", which is no duration' in said


def test_a_later_change_is_looked_at_too(tenant: Tenant) -> None:
    assert annotate(tenant, f"{RETENTION}=30d") == ""
    assert f'metadata.annotations[{RETENTION}] is "a month"' in annotate(
        tenant, f"{RETENTION}=a month"
    )
    assert f'metadata.annotations[{WINDOW}] is "soon"' in annotate(tenant, f"{WINDOW}=soon")
    assert annotate(tenant, f"{RETENTION}-") == ""


@pytest.fixture
def older(tenant: Tenant) -> Tenant:
    """A tenant whose Namespace had a wrong annotation before there was a policy."""
    kubectl = tenant.installed.cp.kubectl
    shipped = json.loads(kubectl("get", BINDING, "-o", "json").stdout)
    kubectl("delete", BINDING)
    try:
        wait_for(
            lambda: annotate(tenant, f"{RETENTION}=a month") == "",
            seconds=SECONDS,
            what="the policy to be gone",
        )
    finally:
        kubectl("create", "-f", "-", input=json.dumps({**shipped, "metadata": {"name": POLICY}}))
    wait_for(
        lambda: create(tenant.installed, **{RETENTION: "x"}) != "",
        seconds=SECONDS,
        what="the policy to be back",
    )
    return tenant


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"labels": {"team": "blue"}}, id="a label"),
        pytest.param({"annotations": {"team": "blue"}}, id="another annotation"),
        pytest.param({"annotations": {RETENTION: "30d"}}, id="the cure"),
        pytest.param({"annotations": {RETENTION: None}}, id="its removal"),
    ],
)
def test_a_wrong_value_from_before_stands_in_nobodys_way(older: Tenant, change: Object) -> None:
    older.installed.cp.kubectl(
        *("patch", "namespace", older.namespace, "--type=merge"),
        *("-p", json.dumps({"metadata": change})),
    )


def test_a_namespace_with_a_wrong_value_from_before_can_be_deleted(older: Tenant) -> None:
    older.installed.cp.kubectl("delete", "namespace", older.namespace, "--wait=false")
