"""`kubectl amends list`: rows D1 and D2, through the installed script and the real API server."""

import json
import re
import time
from typing import Any

import pytest
import typer
import yaml

from amends.cli.asked.filters import Filters
from support import manifests, scene
from support.golden import assert_golden, timeless
from support.plugin import Ended, Plugin
from support.scenery import at
from support.tenant import Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

KINDS = ("actions", "dead-letters", "compensations", "receipts", "approvals", "dispositions")


def list_(tenant: Tenant, *arguments: str, columns: int = 200, user: str = "alice") -> Ended:
    return Plugin.of(tenant, user, columns).run("list", *arguments)


def names(tenant: Tenant, *arguments: str, user: str = "alice") -> list[str]:
    ended = list_(tenant, *arguments, "-o", "name", user=user)
    assert ended.code == 0, ended.err
    return [line.rpartition("/")[2] for line in ended.out.splitlines()]


# ------------------------------------------------------------------------------------- how it looks


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_fits_its_lines_and_cuts_no_name(checkout: Tenant, kind: str, columns: int) -> None:
    ended = list_(checkout, kind, columns=columns)

    assert ended.code == 0
    assert_golden(f"cli/list-{kind}-{columns}.txt", timeless(ended.out + ended.err))
    assert max(len(line) for line in ended.out.splitlines()) <= columns


def test_wide_shows_every_column_however_long_the_lines(checkout: Tenant) -> None:
    ended = list_(checkout, "dead-letters", "-o", "wide", columns=80)

    assert (ended.code, ended.err) == (0, "")
    assert_golden("cli/list-dead-letters-wide.txt", timeless(ended.out))


def test_a_pipe_gets_every_column_and_no_colours(checkout: Tenant) -> None:
    ended = Plugin.of(checkout, "alice").run("list", "dead-letters")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0].split() == [*("NAME", "PHASE", "READY", "OPERATION", "AGE")]
    assert "\x1b" not in ended.out


def test_a_terminal_gets_colours_unless_no_color_says_otherwise(
    checkout: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = Plugin.of(checkout, "alice", 120)
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = alice.type("list", "compensations", answers=())
    monkeypatch.setenv("NO_COLOR", "1")
    plain = alice.type("list", "compensations", answers=())

    assert (coloured.code, plain.code) == (0, 0)
    assert "\x1b[33mAwaitingApproval" in coloured.out
    assert "\x1b[33m" not in plain.out


def test_json_and_yaml_are_lists_of_whole_objects_without_secrets(checkout: Tenant) -> None:
    as_json = json.loads(list_(checkout, "actions", "-o", "json").out)
    as_yaml = yaml.safe_load(list_(checkout, "actions", "-o", "yaml").out)

    assert as_json == as_yaml
    assert (as_json["kind"], as_json["metadata"]) == ("List", {})
    assert [one["metadata"]["name"] for one in as_json["items"]] == [
        *("announce-sale", "reserve-seat", "book-courier", "charge-card", "publish-notice")
    ]
    assert as_json["items"][3]["spec"]["input"]["api_key"] == "[redacted]"
    assert scene.TOKEN not in json.dumps(as_json)


def test_where_nothing_is_it_says_so(tenant: Tenant) -> None:
    ended = list_(tenant, "compensations", "--run", "run-1", "--phase", "failed", "--active")

    assert ended == Ended(
        0,
        "",
        f"No compensations of run run-1 in phase failed that are active in namespace "
        f"{tenant.namespace}.\n",
    )


# ------------------------------------------------------------------------------------------ row D1


def test_row_d1_filters_by_run_by_phase_and_by_source(checkout: Tenant) -> None:
    assert names(checkout, "actions", "--run", "run-42") == names(checkout, "actions")
    assert names(checkout, "receipts", "--run", "run-43") == []
    assert names(checkout, "compensations", "--phase", "awaiting-approval") == ["refund-charge"]
    assert names(checkout, "cmp", "--phase", "ALL") == [
        *("release-seat", "cancel-courier", "refund-charge")
    ]
    assert names(checkout, "actions", "--phase", "Succeeded") == ["publish-notice"]
    assert len(names(checkout, "dead-letters", "--source", "tool-effect")) == 4
    assert names(checkout, "receipts", "--source", "compensation") == [
        "effect-compensation-1a2b3c4d5e6f7081"
    ]
    assert len(names(checkout, "actions", "--source", "agent/checkout")) == 5
    assert names(checkout, "actions", "--source", "agent/other") == []
    assert names(checkout, "actions", "--source", "ci-job") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pods",), "pods is no kind of ours"),
        (("dead-letters", "--phase", "closed"), "--phase closed: dead-letters have none"),
        (("actions", "--limit", "1001"), "less than or equal to 1000"),
        (("actions", "--cursor", "yesterday"), "--cursor yesterday is no place"),
        (("actions", "-A"), "-n and -A exclude each other"),
    ],
)
def test_row_d1_what_cannot_be_asked_is_a_usage_error(
    checkout: Tenant, arguments: tuple[str, ...], said: str
) -> None:
    ended = list_(checkout, *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert said in " ".join(ended.err.replace("│", "").split())


@pytest.mark.parametrize(
    ("kind", "filters", "said"),
    [
        ("Approval", Filters(run="run-1"), "--run says nothing about approvals"),
        ("Receipt", Filters(phase="open"), "--phase says nothing about receipts"),
        ("Compensation", Filters(source="agent"), "--source says nothing about compensations"),
        ("Receipt", Filters(source="agent"), "there are tool_effect, compensation"),
        ("Receipt", Filters(active=True), "--active says nothing about receipts"),
    ],
)
def test_row_d1_a_kind_without_the_field_says_which_have_it(
    kind: str, filters: Filters, said: str
) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        filters.selector(kind)


def test_row_d1_newest_first_in_pages_that_nothing_slips_through(tenant: Tenant) -> None:
    made = [_create(tenant, number) for number in range(7)]
    expected = [name for _, name in sorted(made, key=_newest_first)]
    assert names(tenant, "compensations") == expected

    first = list_(tenant, "compensations", "--limit", "3")
    *_, note = first.err.splitlines()
    assert note.startswith("3 shown; the next ones: --cursor ")
    cursor = note.rpartition(" ")[2]
    # What comes and goes meanwhile moves nothing behind the cursor.
    _create(tenant, 7)
    tenant.delete("Compensation", expected[0])

    second = list_(tenant, "compensations", "--limit", "3", "--cursor", cursor)
    rows = [line.split()[0] for line in second.out.splitlines()[1:]]
    assert rows == expected[3:6]
    rest = list_(tenant, "compensations", "--limit", "3", "--cursor", _next(second))
    assert [line.split()[0] for line in rest.out.splitlines()[1:]] == expected[6:]
    assert rest.err == ""


def test_row_d1_filters_apply_before_the_limit(tenant: Tenant) -> None:
    for number in range(4):
        _create(tenant, number, runId="run-odd" if number % 2 else "run-even")

    ended = list_(tenant, "compensations", "--run", "run-odd", "--limit", "1")

    assert ended.err.startswith("1 shown; the next ones: ")


def test_row_d1_every_namespace_at_once(tenant: Tenant, checkout: Tenant) -> None:
    _create(tenant, 0, runId="run-everywhere")
    everywhere = Plugin(
        checkout.installed.cp.kubeconfig("admin"), checkout.installed.cp.directory, None, 120
    )

    ended = everywhere.run("list", "compensations", "-A", "--run", "run-everywhere")

    assert ended.code == 0
    assert [line.split()[:2] for line in ended.out.splitlines()] == [
        ["NAMESPACE", "NAME"],
        [tenant.namespace, "undo-0"],
    ]


# ------------------------------------------------------------------------------------------ row D2


def test_row_d2_active_hides_superseded_and_settled_recovery(tenant: Tenant) -> None:
    for name, phases in (
        ("cancelled", ("Cancelled",)),
        ("completed", ("Approved", "Running", "Completed")),
        ("failed", ("Approved", "Running", "Failed")),
        ("waiting", ("AwaitingApproval",)),
    ):
        tenant.create(manifests.compensation(name))
        for phase in phases:
            tenant.write_status("Compensation", name, {"phase": phase})
    tenant.create(manifests.compensation("superseded"))
    tenant.write_status("Compensation", "superseded", {"supersededBy": SUPERSEDED})
    for name, status in (("kept", {}), ("overtaken", {"supersededBy": SUPERSEDED})):
        tenant.create(manifests.dead_letter(name, tenant.namespace, "effect-1"), "operator")
        tenant.write_status("DeadLetter", name, status)

    assert sorted(names(tenant, "compensations", "--active")) == ["failed", "waiting"]
    assert len(names(tenant, "compensations")) == 5
    assert names(tenant, "dead-letters", "--active") == ["kept"]


def test_row_d2_a_look_alike_that_a_user_writes_hides_nothing(tenant: Tenant) -> None:
    obj = manifests.compensation("undo")
    marks = {"amends.dev/superseded": "true", "supersededBy": "effect-1", "phase": "Completed"}
    obj["metadata"] |= {"labels": marks, "annotations": marks}
    tenant.create(obj)

    assert names(tenant, "compensations", "--active") == ["undo"]


SUPERSEDED = {
    "effectId": "effect-1",
    "outboxId": "outbox-1",
    "receiptRef": {"name": "effect-1-2"},
    "time": at(0),
}


# ----------------------------------------------------------------------------------------- support


def _create(tenant: Tenant, number: int, **spec: Any) -> tuple[str, str]:
    """Two objects a second at most: creation times have whole seconds."""
    if number % 2 == 0:
        second = int(time.time())
        wait_for(lambda: int(time.time()) > second, seconds=5, what="the next second")
    meta = tenant.create(manifests.compensation(f"undo-{number}", **spec))["metadata"]
    return meta["creationTimestamp"], meta["name"]


def _newest_first(made: tuple[str, str]) -> tuple[int, str]:
    digits = re.sub(r"\D", "", made[0])
    return -int(digits), made[1]


def _next(ended: Ended) -> str:
    return ended.err.splitlines()[-1].rpartition(" ")[2]
