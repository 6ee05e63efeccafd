"""What holds of every history, whatever was done to the operators that wrote it.

Each function is one invariant, named after it; it yields a sentence for everything that breaks it.
They know nothing of who wrote what, but for what stands in the objects, and no clock but the
observer's.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from amends.api import KINDS, Compensation, Receipt
from amends.core.machines import OUTBOX, PHASE_MACHINES, Machine
from amends.core.records import receipts
from amends.core.records.digest import plan_digest
from chaos.etcd_history import Change, History

Check = Callable[[History], Iterator[str]]

UNDO, LETTER = "Compensation", "DeadLetter"
WORKED_ON = (UNDO, LETTER)


def broken(history: History) -> list[str]:
    """A sentence for everything that does not hold."""
    return [f"{check.__name__}: {why}" for check in EVERY_HISTORY for why in check(history)]


def nothing_is_missing(history: History) -> Iterator[str]:
    """Of everything the creation was seen, too: who reads it has not begun too late."""
    for _, commits in history.of(*(kind.__name__ for kind in KINDS)):
        if commits[0].before:
            yield f"{commits[0]}: what was written to it before was not seen"


def only_legal_steps(history: History) -> Iterator[str]:
    """I4: phases and outboxes move as their tables say, whoever moves them."""
    for change in history.changes:
        if not change.after:
            continue
        if (machine := PHASE_MACHINES.get(change.kind)) is not None:
            before = _phase(change.was, machine) if change.before else str(machine.initial)
            yield from _step(change, machine, before, _phase(change.now, machine))
        was, now = entry_of(change.was), entry_of(change.now)
        if was and now and was.get("id") == now.get("id"):
            yield from _step(change, OUTBOX, was["phase"], now["phase"])


def _step(change: Change, machine: Machine, before: str, after: str) -> Iterator[str]:
    phases = type(machine.initial)
    if not machine.allows(phases(before), phases(after)):
        yield f"{change}: {machine.noun} went from {before} to {after}"


def what_has_ended_stays(history: History) -> Iterator[str]:
    """I10: in a terminal phase nothing of the attempt and of its evidence changes any more."""
    final = ("phase", "attempts", "receiptRef", "executedBy", "executedAt", "approvals")
    for change in history.changes:
        machine = PHASE_MACHINES.get(change.kind)
        if machine is None or not (change.before and change.after):
            continue
        if _phase(change.was, machine) in machine.terminal:
            moved = [name for name in final if change.was.get(name) != change.now.get(name)]
            ended = ("phase", "outcome", "idempotencyKey", "attemptKey", "receiptRef")
            was, now = entry_of(change.was), entry_of(change.now)
            moved += [f"outbox.{name}" for name in ended if was.get(name) != now.get(name)]
            if moved:
                yield f"{change}: it was {change.was['phase']}, and {', '.join(moved)} changed"


def keys_are_kept(history: History) -> Iterator[str]:
    """The key that a target may have seen is the key of every attempt."""
    for change in history.changes:
        was, now = (entry_of(one).get("idempotencyKey") for one in (change.was, change.now))
        if change.kind in WORKED_ON and change.after and was is not None and now != was:
            yield f"{change}: idempotency key {was} became {now}"


def attempts_grow_by_one(history: History) -> Iterator[str]:
    """Each attempt is counted, claimed and named in one write, and none is skipped."""
    for change in history.changes:
        if change.kind not in WORKED_ON or not change.after:
            continue
        was, now = entry_of(change.was), entry_of(change.now)
        grown = now.get("attempt", 0) - was.get("attempt", 0)
        named_anew = now.get("attemptKey") != was.get("attemptKey")
        if grown not in (0, 1) or named_anew != (grown == 1):
            yield (
                f"{change}: attempt {was.get('attempt', 0)} ({was.get('attemptKey')}) became "
                f"{now.get('attempt', 0)} ({now.get('attemptKey')})"
            )
        elif grown and not (now.get("phase") == "Claimed" and _has_a_claimant(change)):
            yield f"{change}: attempt {now['attempt']} began without a claim"


def _has_a_claimant(change: Change) -> bool:
    """What a person does by hand is claimed by no process."""
    by_hand = "manual" in change.after["spec"].get("execution", {})
    return by_hand or bool(entry_of(change.now).get("claimedBy"))


def nothing_begins_unapproved(history: History) -> Iterator[str]:
    """I1: before an undo was first claimed, enough people had agreed to exactly this plan."""
    said = {
        raw["metadata"]["uid"]: (commits[0].revision, raw["spec"])
        for raw, commits in history.of("Approval")
    }
    for raw, commits in history.of(UNDO):
        claims = [one for one in commits if one.now.get("attempts", 0) > one.was.get("attempts", 0)]
        for claim in claims:
            undo = Compensation.read(claim.after)
            digest = plan_digest(undo.metadata.namespace, undo.metadata.name, undo.spec)
            if claim.now.get("planDigest") != digest:
                yield f"{claim}: claimed for another plan than the one that stands in its spec"
            if undo.spec.approval.required:
                yield from _was_approved(claim, undo, said)
        if raw.get("status", {}).get("phase") == "Completed" and not claims:
            yield f"{commits[-1]}: completed, and never claimed"
    for _, commits in history.of(LETTER):
        for claim in claims_in(commits):
            if claim.now.get("disposition", {}).get("choice") != "Retry":
                yield f"{claim}: sent again, and nobody had asked for it"


def _was_approved(
    claim: Change, undo: Compensation, said: Mapping[str, tuple[int, Mapping[str, Any]]]
) -> Iterator[str]:
    counted = claim.now.get("approvals", ())
    people = {one["username"] for one in counted}
    asker = undo.spec.requester.username if undo.spec.requester is not None else None
    if len(people) < undo.spec.approval.approvers or asker in people:
        yield f"{claim}: claimed with the approval of {sorted(people)}, asked for by {asker}"
    for one in counted:
        revision, spec = said.get(one["uid"], (claim.revision, {}))
        agreed = (spec.get("decision"), spec.get("planDigest"), spec.get("actor", {}))
        if revision >= claim.revision or agreed[:2] != ("Approve", claim.now["planDigest"]):
            yield f"{claim}: it counts {one['name']}, which did not approve this plan before"
        elif agreed[2].get("username") != one["username"]:
            yield f"{claim}: {one['name']} was not written by {one['username']}"


def who_completed_has_one_receipt(history: History) -> Iterator[str]:
    """I3: exactly one of the attempt that applied, there before it says so.

    Besides, only late ones: of an attempt whose answer came when its claim was lost, on record as
    Unknown, whose Receipt was under way when it lost it. They are evidence of the same effect.
    """
    proofs: defaultdict[str, list[Change]] = defaultdict(list)
    for change in history.changes:
        if change.kind == "Receipt" and not change.before:
            proofs[change.after["spec"]["subject"]["uid"]].append(change)
    for raw, commits in history.of(UNDO):
        proved = proofs[raw["metadata"]["uid"]]
        done = next((one for one in commits if one.now.get("phase") == "Completed"), None)
        attempts = [one.after["spec"]["attempt"] for one in proved]
        if len(attempts) != len(set(attempts)):
            yield f"{commits[-1]}: two Receipts of one attempt, {attempts}"
        if done is not None:
            name, attempt = done.now.get("receiptRef", {}).get("name"), done.now["attempts"]
            its = [one for one in proved if one.after["spec"]["attempt"] == attempt]
            before = [one.after["metadata"]["name"] for one in its if one.revision < done.revision]
            if before != [name]:
                yield f"{done}: completed with Receipt {name}, and there were {before}"
            attempts = [one for one in attempts if one != attempt]
        unknown = {
            entry["attempt"]
            for one in commits
            if (entry := entry_of(one.now)).get("outcome") == "Unknown"
        }
        if commits[-1].after and (unproved := set(attempts) - unknown):
            yield f"{commits[-1]}: there are Receipts of attempts {unproved}, not on record"


def receipts_are_genuine_and_stay(history: History) -> Iterator[str]:
    """What is on record is never changed, and its audit hash is its own."""
    for change in history.changes:
        if change.kind != "Receipt":
            continue
        if change.before and change.after and change.before["spec"] != change.after["spec"]:
            yield f"{change}: evidence was changed"
        elif change.after:
            receipt = Receipt.read(change.after)
            if not receipts.is_genuine(receipt.metadata.name, receipt.spec):
                yield f"{change}: the audit hash is not its own"


def receipts_form_one_chain(history: History) -> Iterator[str]:
    """The receipts of one effect are numbered without a gap; each but the first replaces one."""
    chains: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in history.changes:
        if change.kind == "Receipt" and not change.before:
            meta, spec = change.after["metadata"], change.after["spec"]
            if spec["source"] == "tool_effect":
                chains[meta["namespace"], spec["effectId"]].append(change)
    for (_, effect), chain in chains.items():
        numbers = [one.after["spec"]["sequence"] for one in chain]
        if numbers != list(range(1, len(chain) + 1)):
            yield f"{chain[-1]}: receipts of {effect} are numbered {numbers}"
        replaced = [one.after["spec"].get("supersedes", {}).get("name") for one in chain]
        names = [one.after["metadata"]["name"] for one in chain]
        known = [one for one in replaced if one is not None]
        if len(known) != len(set(known)) or not set(known) <= set(names):
            yield f"{chain[-1]}: the receipts {names} of {effect} replace {replaced}"


EVERY_HISTORY: tuple[Check, ...] = (
    nothing_is_missing,
    only_legal_steps,
    what_has_ended_stays,
    keys_are_kept,
    attempts_grow_by_one,
    nothing_begins_unapproved,
    who_completed_has_one_receipt,
    receipts_are_genuine_and_stay,
    receipts_form_one_chain,
)


def claims_do_not_overlap(history: History, *, lease: float, slack: float = 1.5) -> Iterator[str]:
    """I5: nobody takes a claim, or gives it up for another, before it has run out, which is soon.

    Its end stands in it, by the API server's clock, which is this machine's. From the commit it
    cannot be reckoned: the network may hold up a write for longer than the claim lasts. slack: by
    how much the operators' clocks may disagree with the server's, in seconds.
    """
    midnight = time.time() - time.monotonic()
    for _, commits in history.of(*WORKED_ON):
        for change in commits:
            was, now = entry_of(change.was), entry_of(change.now)
            moment = midnight + change.at
            lasts = _ends(now) - moment
            if _ends(now) != _ends(was) and lasts > lease + slack:
                yield f"{change}: {now['claimedBy']} claims it for {lasts:.1f} s, and not {lease:g}"
            # What a person is to do is claimed by nobody: there is no process that could stop.
            stands = was.get("phase") == "Claimed" and "outcome" not in was and "claimedBy" in was
            if not stands or not change.after or _ends(was) - moment <= slack:
                continue
            if now.get("claimedBy") != was["claimedBy"] or _is_given_up(was, now):
                yield (
                    f"{change}: the claim of {was['claimedBy']} was taken from it "
                    f"{_ends(was) - moment:.1f} s before it ran out"
                )


def _ends(entry: Mapping[str, Any]) -> float:
    """When the claim runs out, in seconds since 1970; it has, where there is none."""
    said = entry.get("claimExpiresAt")
    return datetime.fromisoformat(said).timestamp() if said else 0.0


def _is_given_up(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return "outcome" in now and str(now.get("detail", "")).startswith(
        f"{was['claimedBy']} stopped during attempt"
    )


def claims_in(commits: Sequence[Change]) -> list[Change]:
    """The commits that claimed a new attempt."""
    return [
        one
        for one in commits
        if (key := entry_of(one.now).get("attemptKey")) is not None
        and key != entry_of(one.was).get("attemptKey")
    ]


def entry_of(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outbox entry of a status; empty if there is none."""
    entry: Mapping[str, Any] = status.get("outbox") or {}
    return entry


def _phase(status: Mapping[str, Any], machine: Machine) -> str:
    return str(status.get("phase", machine.initial))
