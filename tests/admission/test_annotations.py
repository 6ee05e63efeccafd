"""A tenant's choices can be read; what else people do with Namespaces is not our business."""

from collections.abc import Callable, Mapping

import pytest

from admission.bindings import without
from integration.cluster import Refused
from support.api import MERGE_PATCH, Object
from support.manifests import unique
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane

BINDING = "validatingadmissionpolicybinding/amends-namespace-annotations"
RETENTION = "amends.dev/retention"
WINDOW = "amends.dev/duplicate-window"
UNAPPROVED = "amends.dev/unapproved"
APPROVERS = "amends.dev/approvers"
GROUPS = "amends.dev/approver-groups"
VALIDITY = "amends.dev/approval-validity"
AFTER = "amends.dev/escalate-after"
RECEIVER = "amends.dev/escalation-webhook-secret"
OWNER = "amends.dev/owner"

DURATION = (
    "no duration: write a number of at most 9 digits and s, m, h or d without a space, for example "
    "30d or 10m, or 0"
)
FIXES = {
    RETENTION: DURATION,
    WINDOW: DURATION,
    UNAPPROVED: (
        "not allow: write allow, so that approval.required: false is accepted here, or take the "
        "annotation away"
    ),
    APPROVERS: "no number of people: write a number from 1 to 10",
    GROUPS: (
        "no list of groups: write the names of 1 to 10 groups with commas between them, for "
        "example sre,security"
    ),
    VALIDITY: (
        "not how old an Approval may be: write a number from 1 on of at most 9 digits and s, m, h "
        "or d without a space, for example 24h"
    ),
    AFTER: DURATION,
    RECEIVER: (
        "no name of a Secret: use lower-case letters, digits, - and ., begin and end with a letter "
        "or digit, and name no namespace"
    ),
    OWNER: "no name: write a team or a person in one line of at most 253 characters",
}
ELEVEN = ",".join(f"group-{number}" for number in range(11))
NO_DURATIONS = (
    "",
    "30",
    "30 d",
    "1.5h",
    "-1d",
    "1w",
    "1D",
    "1h30m",
    "P30D",
    "1234567890s",
    "30d\n",
)

GOOD = {
    RETENTION: ("0", "45s", "10m", "12h", "30d", "999999999d"),
    WINDOW: ("0", "10m"),
    UNAPPROVED: ("allow",),
    APPROVERS: ("1", "2", "9", "10"),
    GROUPS: ("sre", "sre,security", "sre, security", "oidc:Ops Team,b", ELEVEN[:-9], "g" * 512),
    VALIDITY: ("1s", "24h", "007d", "999999999d"),
    AFTER: ("0", "30m"),
    RECEIVER: ("pager", "pager.prod-1", "p" * 253),
}
BAD = {
    RETENTION: NO_DURATIONS,
    WINDOW: ("soon", ""),
    UNAPPROVED: ("", "true", "Allow", "allow ", "deny"),
    APPROVERS: ("", "0", "11", "02", "two", "2 ", "-1", "1.5"),
    GROUPS: ("", ",", "sre,", "sre,,security", " ", "sre,\u00a0", ELEVEN, "g" * 513),
    VALIDITY: (*NO_DURATIONS, "0", "0h", "000s"),
    AFTER: ("soon", ""),
    RECEIVER: ("", "Pager", "tenant-b/pager", "-pager", "p" * 254),
    OWNER: ("", "a\nb", "x" * 254),
}


def create(installed: Installed, annotations: Mapping[str, str]) -> str:
    """Creates nothing; returns what the server says to a Namespace with these annotations."""
    obj: Object = {"metadata": {"name": unique("annotated"), "annotations": dict(annotations)}}
    admin = installed.user("admin")
    return _said(lambda: admin.call("POST", "/api/v1/namespaces", obj, query={"dryRun": "All"}))


def change(tenant: Tenant, metadata: Object) -> str:
    """What the server says to a change of the tenant's Namespace."""
    admin, path = tenant.installed.user("admin"), f"/api/v1/namespaces/{tenant.namespace}"
    body: Object = {"metadata": metadata}
    return _said(lambda: admin.call("PATCH", path, body, content_type=MERGE_PATCH))


def annotate(tenant: Tenant, name: str, value: str | None) -> str:
    return change(tenant, {"annotations": {name: value}})


def _said(call: Callable[[], object]) -> str:
    try:
        call()
    except Refused as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in GOOD.items() for value in values]
)
def test_what_can_be_read_is_accepted(name: str, value: str, installed: Installed) -> None:
    assert create(installed, {name: value}) == ""


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_anything_else_is_refused_with_the_name_the_value_and_the_fix(
    name: str, value: str, installed: Installed
) -> None:
    shown = value[:80].replace("\n", "\\n")
    words = f'metadata.annotations[{name}] is "{shown}", which is {FIXES[name]}'

    assert words in create(installed, {name: value})


@pytest.mark.parametrize("name", ["payments", "Team Zahlung & Co. (§ 4)", "x" * 253])
def test_an_owner_is_whoever_people_know_by_that_name(name: str, installed: Installed) -> None:
    assert create(installed, {OWNER: name}) == ""


def test_a_refusal_quotes_the_beginning_of_a_long_text(installed: Installed) -> None:
    said = create(installed, {RETENTION: "x" * 100_000})

    assert f'metadata.annotations[{RETENTION}] is "{"x" * 80}", which is no duration' in said


def test_several_good_values_do_not_hide_a_wrong_one(installed: Installed) -> None:
    good = {name: values[0] for name, values in GOOD.items()}

    assert create(installed, good) == ""
    for name in GOOD:
        assert f'metadata.annotations[{name}] is ","' in create(installed, {**good, name: ","})


def test_a_later_change_is_looked_at_too(fresh: Tenant) -> None:
    assert annotate(fresh, RETENTION, "30d") == ""
    assert f'metadata.annotations[{RETENTION}] is "a month"' in annotate(
        fresh, RETENTION, "a month"
    )
    assert f'metadata.annotations[{WINDOW}] is "soon"' in annotate(fresh, WINDOW, "soon")
    assert annotate(fresh, RETENTION, None) == ""


@pytest.fixture(scope="module")
def older(installed: Installed) -> Tenant:
    """A tenant whose Namespace had wrong annotations before there was a policy."""
    tenant = installed.tenant(unique("tenant"), annotations={})

    def written() -> bool:
        return change(tenant, {"annotations": {RETENTION: "a month", APPROVERS: "two"}}) == ""

    def is_back() -> bool:
        return create(installed, {RETENTION: "x"}) != ""

    with without(installed.cp, BINDING, gone=written, back=is_back):
        pass
    return tenant


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {"team": "blue"}}, id="a label"),
        pytest.param({"annotations": {"team": "blue"}}, id="another annotation"),
        pytest.param({"annotations": {WINDOW: "10m"}}, id="another annotation of ours"),
        pytest.param({"annotations": {RETENTION: "30d"}}, id="the cure of one of them"),
        pytest.param({"annotations": {APPROVERS: None}}, id="the removal of the other"),
    ],
)
def test_a_wrong_value_from_before_stands_in_nobodys_way(older: Tenant, metadata: Object) -> None:
    assert change(older, metadata) == ""


def test_a_namespace_with_a_wrong_value_from_before_can_be_deleted(older: Tenant) -> None:
    # The last test of the module: what it deletes is shared.
    older.installed.user("admin").call("DELETE", f"/api/v1/namespaces/{older.namespace}")
