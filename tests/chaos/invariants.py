"""What holds at every moment of every schedule, read from the server, the target and the record.

Each function is one invariant, named after it; it raises AssertionError. What holds once nothing
more happens by itself stands in `chaos.at_rest`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from amends.api import Action, Compensation, Receipt
from amends.core.key import Key
from amends.core.machines import PHASE_MACHINES
from amends.core.records import receipts
from amends.core.records.digest import plan_digest
from amends.ports import Raw, Work
from chaos.small_server import NAMESPACE, SmallServer, SmallTarget, Written

Works = Iterable[tuple[Key, Work]]
"""What holders are executing now."""

Check = Callable[[SmallServer, SmallTarget], None]


def everything_holds(server: SmallServer, target: SmallTarget, works: Works) -> None:
    """Every invariant that holds at every moment."""
    for key, work in works:
        nothing_is_executed_without_leave(server, key, work)
    for check in EVERY_MOMENT:
        check(server, target)


def nothing_is_executed_without_leave(server: SmallServer, key: Key, work: Work) -> None:
    """I1: the claim was durable before; people had agreed to exactly this, or asked for it."""
    claim = next(
        one for one in claims(server) if entry_of(one.after)["attemptKey"] == work.attempt_key
    )
    assert entry_of(claim.after)["idempotencyKey"] == work.idempotency_key
    raw = server.objects.get(key)
    if raw is None or raw["metadata"]["uid"] != claim.uid:
        return  # an administrator has deleted it meanwhile
    if key.kind == "DeadLetter":
        action = server.objects[Key("Action", NAMESPACE, raw["spec"]["actionRef"]["name"])]
        retry = Action.read(action).spec.retry
        assert retry is not None
        assert (retry.execution, action["spec"]["idempotencyKey"]) == (
            work.execution,
            work.idempotency_key,
        )
        assert claim.after["disposition"]["choice"] == "Retry"
        return
    undo = Compensation.read(raw)
    assert undo.spec.execution == work.execution
    assert claim.after["planDigest"] == plan_digest(NAMESPACE, key.name, undo.spec)
    agreed = _approved(server, claim)
    assert agreed.after["approvals"] == claim.after["approvals"]
    _was_demanded(server, undo, agreed)


def _approved(server: SmallServer, claim: Written) -> Written:
    """The write by which the plan of a claim was approved, the last one before it."""
    before = server.log[: server.log.index(claim)]
    return next(
        one
        for one in reversed(before)
        if one.uid == claim.uid and one.after["phase"] == "Approved" != one.before["phase"]
    )


def _was_demanded(server: SmallServer, undo: Compensation, agreed: Written) -> None:
    """What the spec and the namespace asked for when it was approved is there.

    Here it is worked out from the annotations themselves, as the documentation has them.
    """
    asked, ledger = agreed.annotations, agreed.after["approvals"]
    groups = [one for one in asked.get("amends.dev/approver-groups", "").split(",") if one]
    least = int(asked.get("amends.dev/approvers", "0"))
    lets_be = asked.get("amends.dev/unapproved") == "allow" and not groups and not least
    if not undo.spec.approval.required and lets_be:
        return
    people = [one["username"] for one in ledger]
    assert all(one["decision"] == "Approve" for one in ledger)
    assert len(people) == len(set(people)) >= max(undo.spec.approval.approvers, least)
    assert undo.spec.requester is not None
    assert undo.spec.requester.username not in people
    statements = [server.objects[Key("Approval", NAMESPACE, one["name"])] for one in ledger]
    for said in statements:
        plan = said["spec"]["planDigest"]
        assert plan == agreed.after["planDigest"], "they approved another plan"
        if validity := asked.get("amends.dev/approval-validity"):
            made = datetime.fromisoformat(said["metadata"]["creationTimestamp"])
            assert agreed.at - made < timedelta(seconds=int(validity.removesuffix("s")))
    there = {group for said in statements for group in said["spec"]["actor"]["groups"]}
    assert set(groups) <= there, f"nobody of {set(groups) - there}"


def one_effect_per_key(server: SmallServer, target: SmallTarget) -> None:
    """I2, for undos and for retries alike."""
    if target.honours_keys:
        assert all(times <= 1 for times in target.effects.values()), target.effects


def a_doubt_is_not_repeated_by_itself(server: SmallServer, target: SmallTarget) -> None:
    """Row C4: after a lost answer, only where a repeat is safe, or a person has asked for it."""
    for claim in claims(server):
        last = entry_of(claim.before)
        doubtful = last.get("outcome") == "Unknown" or "doubt" in last
        if doubtful and not target.honours_keys:
            assert claim.key.kind == "DeadLetter"
            before = _claim_of(server, claim.uid, last["attemptKey"])
            asked = [one.after["disposition"]["uid"] for one in (before, claim)]
            assert asked[0] != asked[1], f"{claim.key} was sent again by itself"


def a_doubt_is_never_forgotten(server: SmallServer, target: SmallTarget) -> None:
    """I3: once nobody knows, only proof ends that: that it has happened, or that a probe has found
    nothing, where there is nothing. The last write is news."""
    for written in server.log[-1:]:
        was, now = entry_of(written.before), entry_of(written.after)
        if was.get("outcome") == "Unknown" or "doubt" in was:
            still = now.get("outcome") in ("Unknown", "Applied") or "doubt" in now
            assert still or _found_nothing(server, target, now), written.key


def an_undo_and_a_retry_exclude_each_other(server: SmallServer, target: SmallTarget) -> None:
    """While one may still make a request, the other does not begin."""
    retrying = {
        raw["spec"]["effectId"]
        for raw in server.of("DeadLetter")
        if raw["status"]["phase"] == "Retrying"
    }
    undoing = {
        raw["spec"]["targetEffect"]
        for raw in server.of("Compensation")
        if raw["status"]["phase"] == "Running" or "nextAttemptAt" in raw["status"]
    }
    assert not retrying & undoing


def what_is_over_stays(server: SmallServer, target: SmallTarget) -> None:
    """I10: what has ended or settled never changes, except that it may be told of a success.

    Only the last write can be news. A settled dead letter moves again if a person says so.
    """
    for written in server.log[-1:]:
        before, after, kind = written.before, written.after, written.key.kind
        machine, told = PHASE_MACHINES.get(kind), {"supersededBy", "conditions"}
        over = before["phase"] in machine.terminal if machine else before.get("settled")
        if kind == "DeadLetter":
            decided = [one.get("disposition", {}).get("uid") for one in (before, after)]
            over = over or (before.get("settled") and decided[0] == decided[1])
            if not before.get("settled"):
                told |= {"settled", "compensationRef"}  # it was resolved, and sees its undo end
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        assert not over or changed <= told, f"{written.key} was over: {changed}"


def only_who_holds_the_claim_writes(server: SmallServer, target: SmallTarget) -> None:
    """I5: how an attempt ended is written by its claimant, in time; later only that nobody knows.

    That it has happened may be written by anybody who finds the Receipt; and what a probe has told,
    once nobody knows, by anybody who has asked.
    """
    for written in server.log[-1:]:
        was, now = entry_of(written.before), entry_of(written.after)
        if was.get("attemptKey") is None or was["attemptKey"] != now.get("attemptKey"):
            continue
        claimant = was.get("claimedBy") == written.by and written.at < _expiry(was)
        ended = now.get("outcome") if "outcome" not in was else None
        if was.get("claimExpiresAt") != now.get("claimExpiresAt"):
            assert claimant, f"{written.by} has extended the claim of {was['claimedBy']}"
        if ended == "NotApplied":
            assert claimant or _is_proved(server, now), f"{written.by} wrote {ended} for another"
        if ended == "Unknown" and was.get("claimedBy") != written.by:
            assert written.at >= _expiry(was), f"{written.by} gave up the claim of another"
    for proof in server.proofs[-1:]:
        asked = proof.outbox.get("outcome") == "Unknown" and _is_told_by_a_probe(proof.receipt)
        if proof.receipt["spec"]["subject"]["kind"] != "Action" and not asked:
            assert proof.outbox["claimedBy"] == proof.by, f"{proof.by} has lost its claim"
            assert proof.at < _expiry(proof.outbox)


def a_disposition_is_carried_out_once(server: SmallServer, target: SmallTarget) -> None:
    """It is entered into the ledger of its dead letter at most once."""
    entered = Counter(
        after
        for one in server.log
        if one.key.kind == "DeadLetter"
        and (after := one.after.get("disposition", {}).get("uid")) is not None
        and after != one.before.get("disposition", {}).get("uid")
    )
    assert all(times == 1 for times in entered.values()), entered


def receipts_form_one_chain(server: SmallServer, target: SmallTarget) -> None:
    """The receipts of one effect are numbered without a gap, and none is replaced twice."""
    by_effect: dict[str, list[Receipt]] = {}
    for raw in server.of("Receipt"):
        receipt = Receipt.read(raw)
        assert receipts.is_genuine(receipt.metadata.name, receipt.spec)
        by_effect.setdefault(receipt.spec.effect_id, []).append(receipt)
    for chain in by_effect.values():
        numbers = sorted(one.spec.sequence for one in chain)
        assert numbers == list(range(1, len(chain) + 1)), [one.metadata.name for one in chain]
        replaced = [one.spec.supersedes.name for one in chain if one.spec.supersedes is not None]
        assert len(replaced) == len(set(replaced)), replaced
        assert set(replaced) <= {one.metadata.name for one in chain}


def receipts_are_evidence(server: SmallServer, target: SmallTarget) -> None:
    """I3: no Receipt of an effect that the target knows nothing of."""
    for raw in server.of("Receipt"):
        spec = raw["spec"]
        if spec["subject"]["kind"] != "Action" and spec["outcome"] == "Succeeded":
            assert target.effects[spec["idempotencyKey"]], f"{spec['subject']} without an effect"


EVERY_MOMENT: tuple[Check, ...] = (
    one_effect_per_key,
    a_doubt_is_not_repeated_by_itself,
    a_doubt_is_never_forgotten,
    an_undo_and_a_retry_exclude_each_other,
    what_is_over_stays,
    only_who_holds_the_claim_writes,
    a_disposition_is_carried_out_once,
    receipts_form_one_chain,
    receipts_are_evidence,
)


def claims(server: SmallServer) -> list[Written]:
    """Every write that claimed a new attempt."""
    return [
        one
        for one in server.log
        if one.key.kind in ("Compensation", "DeadLetter")
        and (key := entry_of(one.after).get("attemptKey")) is not None
        and key != entry_of(one.before).get("attemptKey")
    ]


def condition(raw: Raw, kind: str) -> Mapping[str, Any]:
    """A condition; empty if there is none of this type."""
    found = raw.get("status", {}).get("conditions", ())
    return next((one for one in found if one["type"] == kind), {})


def _claim_of(server: SmallServer, uid: str, attempt_key: str) -> Written:
    return next(
        one
        for one in claims(server)
        if one.uid == uid and entry_of(one.after)["attemptKey"] == attempt_key
    )


def entry_of(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outbox entry of a status; empty if there is none."""
    entry: Mapping[str, Any] = status.get("outbox") or {}
    return entry


def _expiry(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["claimExpiresAt"])


def _found_nothing(server: SmallServer, target: SmallTarget, entry: Mapping[str, Any]) -> bool:
    receipt = server.objects.get(Key("Receipt", NAMESPACE, entry["receiptRef"]["name"]))
    asked = receipt is not None and _is_told_by_a_probe(receipt)
    return asked and not target.effects[entry["idempotencyKey"]]


def _is_told_by_a_probe(receipt: Raw) -> bool:
    spec = receipt["spec"]
    found = "verified" in (spec["payload"].get("evidence") or {})
    return found or str(spec.get("error", "")).startswith("probe ")


def _is_proved(server: SmallServer, entry: Mapping[str, Any]) -> bool:
    name = entry.get("receiptRef", {}).get("name", "")
    return Key("Receipt", NAMESPACE, name) in server.objects
