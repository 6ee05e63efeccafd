"""Strategies for worlds in which something is about to be sent, but for a little."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from amends.api import Compensation
from amends.core.enforcement import Enforcement
from amends.core.hold import Hold
from amends.core.key import Key
from amends.core.namespace import Floors
from amends.core.records.digest import plan_digest
from amends.core.world import CompensationWorld, DeadLetterWorld
from chaos.letter_worlds import KEY
from chaos.narrow_worlds import NEWS, SECOND_ATTEMPT, letter_world, perhaps, sent, undo_world
from chaos.worlds import JOB, LEASE, ME, NOW, OTHER, meta

SOON, BEFORE = NOW + timedelta(seconds=60), NOW - timedelta(seconds=60)
HOW: tuple[dict[str, Any], ...] = (sent("None"), sent("Natural"), sent("ProviderKey"), JOB)
FLAWS: tuple[dict[str, Any], ...] = (
    {"freeze": "namespace tenant is frozen"},
    {"enforcement": Enforcement(gap="a policy is missing")},
    {"hold": Hold("TargetBusy", "it takes no more just now")},
)


@st.composite
def claims(draw: st.DrawFn, key: str) -> dict[str, Any]:
    """A second attempt that is in somebody's hands, or of which nobody knows what came."""
    ended = draw(st.sampled_from([{}, {"outcome": "Unknown", "detail": "no answer"}]))
    claimed = draw(st.sampled_from([BEFORE, BEFORE - timedelta(seconds=9)]))
    return {
        **SECOND_ATTEMPT,
        "idempotencyKey": key,
        "claimedBy": draw(st.sampled_from([ME, ME, OTHER])),
        "claimedAt": claimed,
        "before": {"time": BEFORE, "outcome": "claimed"},
        "claimExpiresAt": draw(st.sampled_from([SOON, SOON, BEFORE])),
        **ended,
    }


UNDO_FLAWS: tuple[dict[str, Any], ...] = (
    {"cancel": True},
    {"suspend": True},
    {"compensableUntil": BEFORE},
    {"unlinked": (Key("DeadLetter", "tenant", "letter"),)},
    {"ahead": ("an-earlier-one",)},
)
WISHES = ("cancel", "suspend", "compensableUntil")


@st.composite
def undos_due(draw: st.DrawFn) -> CompensationWorld:
    """An undo that is approved, tried again, or claimed already."""
    phase = draw(st.sampled_from(["AwaitingApproval", "Approved", "Running", "Running", "Failed"]))
    flaw = dict(draw(perhaps(*FLAWS, *UNDO_FLAWS)))
    wish = {name: flaw.pop(name) for name in WISHES if name in flaw}
    spec = {"targetEffect": "effect-1", "execution": draw(st.sampled_from(HOW)), **wish}
    spec |= {"approval": {"required": phase == "AwaitingApproval"}}
    raw = {"metadata": meta("undo"), "spec": spec}
    outbox = draw(claims("amends:tenant/u-1")) if phase in ("Running", "Failed") else None
    if outbox is not None and phase == "Failed":
        outbox |= {"phase": "Failed", "outcome": "NotApplied"}
    ended = outbox is not None and "outcome" in outbox
    status = {
        "phase": phase,
        "attempts": 2 if outbox is not None else 0,
        "outbox": outbox,
        "planDigest": plan_digest("tenant", "undo", Compensation.read(raw).spec),
        "nextAttemptAt": draw(st.sampled_from([None, BEFORE, NOW, SOON])) if ended else None,
    }
    undo = Compensation.read({**raw, "status": status})
    unbegun = draw(st.booleans())
    return undo_world(undo, floors=Floors(unapproved=True), unbegun=unbegun, **flaw)


LETTER_FLAWS: tuple[dict[str, Any], ...] = (
    {"supersededBy": NEWS},
    {"compensationRef": {"name": "undo"}},
    {"dispatch": {"count": 2, "nextTime": SOON}},
    {"phase": "Open"},
)


@st.composite
def retries_due(draw: st.DrawFn) -> DeadLetterWorld:
    """A dead letter whose action is to be sent again, or of which a dispatch is claimed already."""
    flaw = dict(draw(perhaps(*FLAWS, *LETTER_FLAWS)))
    known = {name: flaw.pop(name) for name in ("freeze", "enforcement", "hold") if name in flaw}
    phase = draw(st.sampled_from(["RetryRequested", "Retrying", "Retrying"]))
    status = {
        "phase": phase,
        "outbox": draw(claims(KEY)) if phase == "Retrying" else None,
        "dispatch": {"count": draw(st.sampled_from([2, 5])), "nextTime": BEFORE},
        **flaw,
    }
    about = {"metadata": meta("undo"), "spec": {"targetEffect": "effect-1"}}
    phases = draw(st.lists(st.sampled_from(["Proposed", "Approved", "Running"]), max_size=1))
    undos = [Compensation.read({**about, "status": {"phase": one}}) for one in phases]
    how, unbegun = draw(st.sampled_from(HOW)), draw(st.booleans())
    return letter_world(status, how, candidates=undos, unbegun=unbegun, lease=LEASE, **known)
