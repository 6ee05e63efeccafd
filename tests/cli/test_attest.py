"""`kubectl amends attest`: what came of an attempt, by who has looked, of that one alone."""

import json

import pytest

from support.api import Object
from support.golden import assert_golden, lasting
from support.manifests import compensation
from support.plugin import Ended, Plugin
from support.stages import EFFECT, LETTER, brought_to, failed_action, open_letter, ready
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane

LOOKED = ("--reason", "the message is gone")
OUTBOX: Object = {
    "id": "outbox-1",
    "operation": "compensation.operator_review",
    "phase": "Claimed",
    "attempt": 1,
    "attemptKey": "undo-post:1",
    "outcome": "Unknown",
    "detail": "no answer",
}


def attest(tenant: Tenant, what: str, *options: str, user: str = "bob") -> Ended:
    return Plugin.of(tenant, user).run("attest", what, *options)


def in_doubt(tenant: Tenant, **outbox: object) -> Object:
    """A Compensation of which nobody knows what came."""
    tenant.create(compensation("undo-post", rollbackInstruction="remove the posted message"))
    unknown = ready("OutcomeUnknown", "no answer: look at the target yourself")
    brought_to(tenant, "undo-post", "AwaitingApproval", "Approved")
    status = {"attempts": 1, "outbox": {**OUTBOX, **outbox}, "conditions": [unknown]}
    return brought_to(tenant, "undo-post", "Running", **status)


def specs(tenant: Tenant) -> list[Object]:
    return [one["spec"] for one in tenant.every("Attestation")]


def test_it_states_what_was_seen_of_exactly_this_attempt(tenant: Tenant) -> None:
    undo = in_doubt(tenant)

    ended = attest(
        tenant, "undo-post", "--yes", "--applied", *LOOKED, "--evidence", "ticket=OPS-17"
    )

    assert (ended.code, ended.out) == (
        0,
        "attestation.amends.dev/undo-post-attest-1-bob created\n",
    )
    (spec,) = specs(tenant)
    assert spec.pop("actor")["username"] == "bob"
    assert spec == {
        "subjectRef": {
            "kind": "Compensation",
            "name": "undo-post",
            "uid": undo["metadata"]["uid"],
        },
        "attemptKey": "undo-post:1",
        "outcome": "Applied",
        "reason": "the message is gone",
        "evidence": {"ticket": "OPS-17"},
    }
    again = attest(tenant, "cmp/undo-post", "--yes", "--applied", *LOOKED)
    assert again.out == "attestation.amends.dev/undo-post-attest-1-bob unchanged\n"


def test_of_a_retry_as_well(tenant: Tenant) -> None:
    failed_action(tenant)
    outbox = {**OUTBOX, "operation": "board.post", "attemptKey": f"{LETTER}:1"}
    dispatch = {"count": 1, "nextTime": "2026-11-23T09:00:01.000Z"}
    open_letter(tenant, "RetryRequested", "Retrying", outbox=outbox, dispatch=dispatch)

    ended = attest(tenant, f"dead-letter/{LETTER}", "--yes", "--not-applied", *LOOKED)

    assert ended.code == 0, ended.err
    (spec,) = specs(tenant)
    assert (spec["subjectRef"]["kind"], spec["outcome"]) == ("DeadLetter", "NotApplied")
    assert spec["attemptKey"] == f"{LETTER}:1"
    assert EFFECT in spec["attemptKey"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param(LOOKED, 2, "--applied or --not-applied", id="nothing was seen"),
        pytest.param(("--applied",), 2, "--reason is missing", id="no reason"),
        pytest.param(
            ("--applied", *LOOKED, "--evidence", "OPS-17"), 2, "write KEY=VALUE", id="no key"
        ),
        pytest.param(("--applied", *LOOKED), 4, "nothing was created", id="nobody said yes"),
    ],
)
def test_what_is_not_stated(
    options: tuple[str, ...], code: int, words: str, tenant: Tenant
) -> None:
    in_doubt(tenant)
    ended = attest(tenant, "undo-post", *options)
    assert (ended.code, words in ended.err) == (code, True), ended.err
    assert specs(tenant) == []


def test_what_is_known_is_not_attested_to(tenant: Tenant) -> None:
    in_doubt(tenant, outcome="NotApplied", detail="409")
    ended = attest(tenant, "undo-post", "--yes", "--applied", *LOOKED)
    assert ended.code == 1
    assert ended.err.splitlines()[0] == (
        "error: nothing was created: attempt undo-post:1 is known to be NotApplied: 409"
    )


def test_where_nothing_was_attempted_there_is_nothing_to_attest_to(tenant: Tenant) -> None:
    tenant.create(compensation("undo-post"))
    ended = attest(tenant, "undo-post", "--yes", "--applied", *LOOKED)
    assert ended.code == 1
    assert "no attempt of it has begun" in ended.err


def test_for_git_it_keeps_the_uid_because_elsewhere_it_never_happened(tenant: Tenant) -> None:
    undo = in_doubt(tenant)
    ended = attest(tenant, "undo-post", "--applied", *LOOKED, "--dry-run=client", "-o", "json")
    assert json.loads(ended.out)["spec"]["subjectRef"]["uid"] == undo["metadata"]["uid"]
    assert specs(tenant) == []


def test_the_screen_before_it_is_stated(installed: Installed) -> None:
    lobby = installed.tenant("lobby")  # its name has the same length in every run
    in_doubt(lobby)
    bob = Plugin.of(lobby, "bob", 80)
    ended = bob.run("attest", "undo-post", "--not-applied", *LOOKED, "--evidence", "ticket=OPS-17")
    assert_golden("cli/attest-80.txt", lasting(ended.err))
    lobby.clear()
