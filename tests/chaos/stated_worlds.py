"""Strategies for worlds in which what people have stated is about to count, but for a little.

In the worlds that are valid models in every combination hardly one statement counts, so that hardly
one rule about them can be seen broken. Here at most one thing is wrong with each statement, and one
with what it is about.
"""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from amends.api import Approval, Attestation, Compensation, Disposition
from amends.api.disposition import Choice
from amends.core.enforcement import ENFORCED, Enforcement
from amends.core.namespace import Floors
from amends.core.records.digest import plan_digest
from amends.core.world import CompensationWorld, DeadLetterWorld
from chaos.letter_worlds import DUE, KEY
from chaos.narrow_worlds import BOB, NEWS, SECOND_ATTEMPT, letter_world, perhaps, sent, undo_world
from chaos.worlds import NOW, meta

ANOTHER_PLAN = f"sha256:{'0' * 64}"
NOT_BOUND: tuple[dict[str, Any], ...] = ({"boundUid": None}, {"boundUid": "u-2"})
"""To its subject, but to nothing or to a namesake."""
someone = st.sampled_from(["alice", "carol", "dora"])
made = st.sampled_from([1, 1, 10, 299, 301, 3600]).map(lambda age: NOW - timedelta(seconds=age))
enforcements = st.sampled_from(
    [ENFORCED] * 6
    + [Enforcement(since=NOW - timedelta(seconds=60))] * 2
    + [Enforcement(gap="a policy is missing")]
)
few_groups = st.sampled_from([[], ["sre"], ["security"], ["sre", "security"]])
actors = st.builds(lambda name, of: {"username": name, "groups": of}, someone, few_groups)


# ---------------------------------------------------------------------------------- approvals

UNREADABLE = ("annotation amends.dev/approvers: 'two'",)
floors = st.sampled_from(
    [
        Floors(),
        Floors(unapproved=True),
        Floors(unapproved=True, unreadable=UNREADABLE),
        Floors(unapproved=True, approvers=2),
        Floors(approvers=3, groups=("sre",)),
        Floors(unapproved=True, groups=("sre",)),
        Floors(groups=("sre", "security")),
        Floors(validity=timedelta(seconds=300)),
    ]
)
APPROVAL_FLAWS: tuple[dict[str, Any], ...] = (
    *NOT_BOUND,
    {"planDigest": ANOTHER_PLAN},
    {"expiresAt": NOW},
    {"actor": None},
    {"actor": BOB},
    {"decision": "Reject"},
)


@st.composite
def approvals(draw: st.DrawFn, number: int, digest: str) -> Approval:
    given: dict[str, Any] = {"planDigest": digest, "decision": "Approve", "actor": draw(actors)}
    given |= {"subjectRef": {"name": "undo"}, **draw(perhaps(*APPROVAL_FLAWS))}
    status = {"boundUid": given.pop("boundUid", "u-1")}
    about = meta(f"says-{number}", f"a-{number}", 1, draw(made))
    return Approval.read({"metadata": about, "spec": given, "status": status})


@st.composite
def counted(draw: st.DrawFn, number: int, name: str) -> dict[str, Any]:
    when: datetime = draw(made)
    return {
        "name": f"said-{number}",
        "uid": f"c-{number}",
        "username": name,
        "decision": "Approve",
        "groups": draw(few_groups),
        "time": when,
        "madeAt": draw(st.sampled_from([when, None])),
    }


UNDO_FLAWS: tuple[dict[str, Any], ...] = (
    {"requester": None},
    {"planDigest": ANOTHER_PLAN},
    {"supersededBy": NEWS},
)


@st.composite
def approval_worlds(
    draw: st.DrawFn, *phases: str, approvers: tuple[int, ...] = (1, 1, 2, 3)
) -> CompensationWorld:
    """An undo that bob has asked for, in one of these phases, which takes so many people."""
    flaw = draw(perhaps(*UNDO_FLAWS))
    policy: dict[str, Any] = {"required": draw(st.sampled_from([True, True, False]))}
    policy["approvers"] = draw(st.sampled_from(approvers))
    spec: dict[str, Any] = {"targetEffect": "effect-1", "execution": {"record": {}}}
    spec["approval"] = policy
    spec["requester"] = flaw.get("requester", BOB)
    raw = {"metadata": meta("undo"), "spec": spec}
    right = plan_digest("tenant", "undo", Compensation.read(raw).spec)
    known = draw(st.lists(st.sampled_from(["alice", "bob", "erin"]), max_size=3, unique=True))
    status = {
        "phase": draw(st.sampled_from(phases)),
        "planDigest": flaw.get("planDigest", right),
        "approvals": [draw(counted(number, name)) for number, name in enumerate(known)],
        "supersededBy": flaw.get("supersededBy"),
    }
    said = [draw(approvals(number, right)) for number in range(draw(st.integers(1, 3)))]
    undo = Compensation.read({**raw, "status": status})
    return undo_world(undo, approvals=said, floors=draw(floors), enforcement=draw(enforcements))


# ------------------------------------------------------------------------------- attestations

ATTESTATION_FLAWS: tuple[dict[str, Any], ...] = (
    *NOT_BOUND,
    {"attemptKey": "undo:1"},
    {"actor": None},
)
NOBODY_KNOWS = {"outcome": "Unknown"}
ATTEMPTS = [NOBODY_KNOWS, NOBODY_KNOWS, {}, {"outcome": "NotApplied"}]
said_before = st.sampled_from([[], [], ["undo:1"], ["undo:2"]]).map(
    lambda keys: [
        {
            "name": "saw-9",
            "uid": "w-9",
            "username": "erin",
            "attemptKey": key,
            "outcome": "NotApplied",
            "time": NOW,
        }
        for key in keys
    ]
)


@st.composite
def attestations(draw: st.DrawFn, number: int, kind: str, name: str) -> Attestation:
    given: dict[str, Any] = {"subjectRef": {"kind": kind, "name": name}, "actor": draw(actors)}
    given |= {"attemptKey": "undo:2", "reason": "I looked at it"}
    given |= {"outcome": draw(st.sampled_from(["Applied", "NotApplied"]))}
    given |= draw(perhaps(*ATTESTATION_FLAWS))
    status = {"boundUid": given.pop("boundUid", "u-1")}
    about = meta(f"saw-{number}", f"w-{number}", 1, draw(made))
    return Attestation.read({"metadata": about, "spec": given, "status": status})


@st.composite
def second_attempts(draw: st.DrawFn, key: str) -> dict[str, Any]:
    """In nobody's hands, as where a person is asked; usually nobody knows what came of it."""
    return {
        **SECOND_ATTEMPT,
        "idempotencyKey": key,
        "doubt": draw(st.sampled_from([None, "the first was lost"])),
        **draw(st.sampled_from(ATTEMPTS)),
    }


@st.composite
def undos_in_doubt(draw: st.DrawFn) -> CompensationWorld:
    """An undo that waits for somebody to say what came of it, unless it is tried again."""
    how = draw(st.sampled_from([{"manual": {}}, sent("None"), sent("ProviderKey")]))
    again = draw(st.sampled_from([None, NOW + timedelta(seconds=60)]))
    status = {
        "phase": "Running",
        "attempts": 2,
        "outbox": draw(second_attempts("amends:tenant/u-1")),
        "nextAttemptAt": again if how == sent("ProviderKey") else None,
        "attestations": draw(said_before),
    }
    raw = {"metadata": meta("undo"), "spec": {"targetEffect": "effect-1", "execution": how}}
    looked = [draw(attestations(number, "Compensation", "undo")) for number in range(2)]
    undo = Compensation.read({**raw, "status": status})
    return undo_world(undo, attestations=looked, enforcement=draw(enforcements))


@st.composite
def retries_in_doubt(draw: st.DrawFn) -> DeadLetterWorld:
    """A dead letter that waits for somebody to say what came of its second dispatch."""
    status = {
        "phase": "Retrying",
        "dispatch": {"count": 2, "lastTime": NOW, "nextTime": NOW},
        "outbox": draw(second_attempts(KEY)),
        "attestations": draw(said_before),
    }
    return letter_world(
        status,
        sent(draw(st.sampled_from(["None", "None", "ProviderKey"]))),
        enforcement=draw(enforcements),
        attestations=[draw(attestations(number, "DeadLetter", "letter")) for number in range(2)],
    )


# ------------------------------------------------------------------------------- dispositions

DISPOSITION_FLAWS: tuple[dict[str, Any], ...] = (*NOT_BOUND, {"conditions": []}, {"actor": None})
LETTER_FLAWS: tuple[dict[str, Any], ...] = (
    {"supersededBy": NEWS},
    {"dispatch": {"count": 5, "lastTime": NOW, "nextTime": NOW}},
    *({"phase": phase} for phase in ("RetryRequested", "Retrying", "Ignored", "Resolved")),
)


@st.composite
def dispositions(draw: st.DrawFn, number: int) -> Disposition:
    given: dict[str, Any] = {"deadLetterRef": {"name": "letter"}, "actor": draw(actors)}
    choice = draw(st.sampled_from([Choice.RETRY] * 4 + [*Choice]))
    given |= {"choice": choice, "reason": "it is back", **draw(perhaps(*DISPOSITION_FLAWS))}
    status = {"boundUid": given.pop("boundUid", "u-1"), "conditions": given.pop("conditions", DUE)}
    about = meta(f"says-{number}", f"d-{number}", 1, draw(made))
    return Disposition.read({"metadata": about, "spec": given, "status": status})


@st.composite
def decided_letters(draw: st.DrawFn) -> DeadLetterWorld:
    """A dead letter about which people have decided; the first may have been carried out."""
    uid = draw(st.sampled_from(["d-0", "d-9", "d-9"]))
    before: dict[str, Any] = {"name": "says-0", "uid": uid, "choice": "Reopen", "actor": "erin"}
    before |= {"time": NOW, "reason": "I looked at it"}
    status = {"disposition": draw(st.sampled_from([None, before])), **draw(perhaps(*LETTER_FLAWS))}
    said = [draw(dispositions(number)) for number in range(draw(st.integers(1, 2)))]
    known: dict[str, Any] = {"enforcement": draw(enforcements), "dispositions": said}
    return letter_world(status, sent("None"), **known)
