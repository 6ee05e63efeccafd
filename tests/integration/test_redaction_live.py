"""Row I6 on a running operator: hundreds of actions full of secrets, and then a look at everything.

Succeeded, failed, retried and undone, against a target that answers with secrets of its own, for
people who give their reasons in words that hold secrets as well.
"""

import json
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from installation import RunningOperator
from support.api import Object
from support.manifests import disposition, manifest
from support.plugin import Plugin
from support.secrets import MARK
from support.target import Answer, Target
from support.tenant import StartOperator, Tenant
from support.upkeep import free_address
from support.writings import Case
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]

CASES = 90
FIRST = 20_000
"""Other cases than those of the pure test."""
WRITTEN_BY_USERS = ("Action", "Approval", "Disposition")
LISTED = {
    "Action": "actions",
    "Approval": "approvals",
    "Compensation": "compensations",
    "DeadLetter": "dead-letters",
    "Disposition": "dispositions",
    "Receipt": "receipts",
}
WIDE = 100_000
"""Columns: no line is folded, so that none cuts a secret in two."""


@dataclass(frozen=True)
class Watched:
    """An operator and where it shows its metrics."""

    operator: RunningOperator
    address: str

    def metrics(self) -> str:
        """Its page."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as answer:
            return str(answer.read().decode())


@pytest.fixture
def watched(start: StartOperator) -> Iterator[Watched]:
    """An operator for this test alone."""
    address = free_address()
    with start("--metrics-listen", address) as operator:
        yield Watched(operator, address)


def test_i6_no_planted_secret_is_in_any_object_event_log_metric_or_output(
    tenant: Tenant, target: Target, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [Case.of(FIRST + number) for number in range(CASES)]
    for case in cases:
        tenant.create(reported(case, target))
    for case in cases[1::3]:
        decided(tenant, case)
    for case in cases[5::6]:
        tenant.approve(undo_of(case), reason=case.reason.value)
    wait_for(lambda: is_settled(tenant), seconds=120, what="every case to end")

    marks = frozenset[str]().union(*(case.marks for case in cases))
    looked_at, found = 0, []
    for what, text in everything(tenant, watched):
        looked_at += len(text)
        if seen := marks_in(text, marks):
            found.append(f"{what}: {sorted(seen)[:3]}")

    with capsys.disabled():
        sys.stdout.write(f"\n{len(cases)} actions, {len(marks)} marks, {looked_at} characters\n")
    assert found[:5] == []
    assert len(cases) == CASES
    assert {one["status"]["phase"] for one in tenant.every("Action")} == {"Recorded"}
    assert {one["status"]["phase"] for one in tenant.every("DeadLetter")} == {
        *("Resolved", "Open", "LinkedToCompensation")
    }
    assert {one["status"]["phase"] for one in tenant.every("Compensation")} == {
        *("Completed", "Failed")
    }


def name_of(case: Case) -> str:
    return f"post-{case.number}"


def undo_of(case: Case) -> str:
    return f"undo-{case.number}"


def answering(case: Case, target: Target) -> Object:
    """A request to a target that says yes or no, and tells secrets either way."""
    status = (200, 422)[case.number // 3 % 2]
    headers = {"X-Request-Id": "1", "Retry-After": "1"}
    route = target.route(Answer(status, case.answer.value, headers, applies=status == 200))
    return {"method": "POST", "url": route.url, "retrySafety": "ProviderKey"}


def reported(case: Case, target: Target) -> Object:
    """A third succeeded, a third failed and may be sent again, a third failed and is undone."""
    spec = {**case.spec, "runId": "run-7"}
    for field in ("requester", "compensation", "retry"):
        del spec[field]
    match case.number % 3:
        case 2:
            spec |= {"outcome": "sent", "error": ""}
        case 0:
            spec["retry"] = {"http": answering(case, target)}
        case _:
            spec["compensation"] = {
                "name": undo_of(case),
                "execution": {"http": answering(case, target)},
                "approval": {"required": case.number % 2 == 1},
            }
    return manifest("Action", name_of(case), spec)


def decided(tenant: Tenant, case: Case) -> None:
    """alice wants it sent again."""
    name = tenant.ready("Action", name_of(case), "Recorded")["status"]["deadLetterRef"]["name"]
    statement = disposition(f"again-{case.number}", name, "Retry", reason=case.reason.value)
    tenant.create(statement, "alice")


def is_settled(tenant: Tenant) -> bool:
    """Whether nothing more happens by itself."""
    actions, letters = tenant.every("Action"), tenant.every("DeadLetter")
    undos, statements = tenant.every("Compensation"), tenant.every("Disposition")
    return (
        all(one["status"]["phase"] == "Recorded" for one in actions)
        and len(letters) == CASES * 2 // 3
        and all(one["status"]["phase"] not in ("RetryRequested", "Retrying") for one in letters)
        and len(undos) == CASES // 3
        and all(one["status"]["phase"] in ("Completed", "Failed") for one in undos)
        and all(one["status"].get("settled") for one in statements)
    )


# --------------------------------------------------------------------------- where it is looked for


def everything(tenant: Tenant, watched: Watched) -> Iterator[tuple[str, str]]:
    """What the operator and the command line have written, and what it is."""
    for namespace in (tenant.namespace, "amends-system"):
        yield from objects(tenant, namespace)
    for line in watched.operator.log.read_text().splitlines():
        yield "log", line
    yield "metrics", watched.metrics()
    yield from printed(tenant)


def objects(tenant: Tenant, namespace: str) -> Iterator[tuple[str, str]]:
    """Every object of a namespace, of every kind that the server has; without what users wrote."""
    admin = tenant.installed.user("admin")
    groups = [f"/apis/{one['name']}" for one in admin.call("GET", "/apis")["groups"]]
    versions = ["/api/v1"] + [
        f"{path}/{version['version']}"
        for path in groups
        for version in admin.call("GET", path)["versions"]
    ]
    for path in versions:
        for resource in admin.call("GET", path)["resources"]:
            if not resource["namespaced"] or "list" not in resource["verbs"]:
                continue
            where = f"{path}/namespaces/{namespace}/{resource['name']}"
            for one in admin.call("GET", where)["items"]:
                if resource["kind"] in WRITTEN_BY_USERS:
                    del one["spec"]
                yield f"{resource['kind']} {one['metadata']['name']}", readable(one)


def readable(one: object) -> str:
    """Nothing is hidden behind an escape."""
    return json.dumps(one, ensure_ascii=False)


def printed(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """What `kubectl amends` tells alice."""
    plugin = Plugin.of(tenant, "alice", columns=WIDE)
    # YAML of a few: to write that of all takes the library a minute.
    commands = [("tree", "--run", "run-7"), ("list", "receipts", "--limit", "20", "-o", "yaml")]
    for kind, listed in LISTED.items():
        name = tenant.every(kind)[0]["metadata"]["name"]
        commands += [
            ("list", listed, "--limit", "1000", "-o", "json"),
            ("list", listed, "--limit", "1000", "-o", "wide"),
            ("show", f"{listed.removesuffix('s')}/{name}"),
        ]
    for command in commands:
        ended = plugin.run(*command)
        assert ended.code == 0, f"{command}: {ended.err}"
        yield f"kubectl amends {' '.join(command)}", ended.out + ended.err


def marks_in(text: str, marks: frozenset[str]) -> frozenset[str]:
    """The marks in a text, by looking at each piece of their length once."""
    return marks & {text[at : at + MARK] for at in range(len(text) - MARK + 1)}
