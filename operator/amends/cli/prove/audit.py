"""Checks a Receipt against itself and against what it is about: nothing here asks a server."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from amends.api.compensation import Compensation
from amends.api.receipt import Receipt
from amends.core.records.digest import digest, plan_digest_of
from amends.core.records.receipts import audit_hash
from amends.core.records.redaction import REDACTED

Object = dict[str, Any]


class Result(StrEnum):
    """What a check came to."""

    OK = "ok"
    MISMATCH = "MISMATCH"
    UNCHECKED = "not checked"


@dataclass(frozen=True)
class Check:
    """One question that was asked of a Receipt."""

    name: str
    result: Result
    detail: str


@dataclass(frozen=True)
class Missing:
    """An object that could not be looked at, and why."""

    why: str


Lookup = Callable[[str, str], Object | Missing]
"""The object of a kind and name in the Receipt's namespace, or why there is none."""


def checks(receipt: Receipt, look_up: Lookup) -> list[Check]:
    """Everything that can be recomputed or compared."""
    return [
        _audit_hash(receipt),
        _payload_digest(receipt),
        *_part_digests(receipt),
        *_subject(receipt, look_up),
        *_supersedes(receipt, look_up),
    ]


def _compared(name: str, written: str | None, found: str | None, what: str) -> Check:
    if written == found:
        return Check(name, Result.OK, what)
    return Check(name, Result.MISMATCH, f"{what} is {found}, and the receipt says {written}")


def _audit_hash(receipt: Receipt) -> Check:
    spec, name = receipt.spec, receipt.metadata.name
    found = audit_hash(name, spec.subject.name, spec.operation, spec.payload_digest)
    what = "over receipt name, subject, operation and payload digest"
    return _compared("audit hash", spec.audit_hash, found, what)


def _payload_digest(receipt: Receipt) -> Check:
    return _recomputed("payload digest", receipt.spec.payload_digest, receipt.spec.payload)


def _part_digests(receipt: Receipt) -> Iterator[Check]:
    """The digests of what was asked and answered, where the payload shows those parts."""
    spec, payload = receipt.spec, receipt.spec.payload
    if not isinstance(payload, dict):
        return
    if spec.input_digest is not None and "input" in payload:
        yield _recomputed("input digest", spec.input_digest, payload["input"])
    if spec.output_digest is not None:
        answer = payload.get("receipt")
        if isinstance(answer, dict):
            yield _recomputed("output digest", spec.output_digest, answer.get("result", answer))
        elif "evidence" in payload:
            yield _recomputed("output digest", spec.output_digest, payload["evidence"])


def _recomputed(name: str, written: str, value: Any) -> Check:
    try:
        found = digest(value)
    except ValueError as why:
        return Check(name, Result.MISMATCH, f"the payload has {why}")
    if found != written and (hidden := json.dumps(value).count(REDACTED)):
        values = "1 value was" if hidden == 1 else f"{hidden} values were"
        hides = f"{values} redacted before it was written, and the digest is over the original"
        return Check(name, Result.UNCHECKED, hides)
    return _compared(name, written, found, "recomputed from the payload")


def _subject(receipt: Receipt, look_up: Lookup) -> Iterator[Check]:
    """Is what it proves something about still the very same object, and of the same mind?"""
    subject = receipt.spec.subject
    called = f"{subject.kind} {subject.name}"
    found = look_up(subject.kind, subject.name)
    if isinstance(found, Missing):
        yield Check("subject", Result.UNCHECKED, f"{called} {found.why}")
        return
    uid = str(found["metadata"].get("uid") or "")
    if not uid:
        yield Check("subject", Result.UNCHECKED, f"{called} was never in a cluster: it has no uid")
    else:
        yield _compared("subject", subject.uid, uid, f"uid of {called}")
    if uid not in ("", subject.uid):
        return
    named = ((found.get("status") or {}).get("receiptRef") or {}).get("name")
    if named == receipt.metadata.name:
        yield Check("named by it", Result.OK, f"status.receiptRef of {called} is this receipt")
    elif named is not None and subject.kind == "Compensation":
        yield _compared("named by it", receipt.metadata.name, named, f"receiptRef of {called}")
    if subject.kind == "Compensation":
        yield from _plan(receipt, found)


def _plan(receipt: Receipt, raw: Object) -> Iterator[Check]:
    """Is the plan that was carried out the one that stands there, and that was approved?"""
    payload = receipt.spec.payload
    written = payload.get("planDigest") if isinstance(payload, dict) else None
    try:
        compensation = Compensation.read(raw)
        meta = compensation.metadata
        recomputed = plan_digest_of(compensation)
        execution = digest(compensation.spec.execution.wire())
    except (ValidationError, ValueError) as why:
        yield Check("plan digest", Result.UNCHECKED, f"its Compensation cannot be read: {why}")
        return
    what = f"recomputed from Compensation {meta.name}"
    yield _compared("plan digest", written, recomputed, what)
    approved = compensation.status.plan_digest
    if approved not in (None, recomputed):
        yield _compared("approved plan", written, approved, "status.planDigest")
    if receipt.spec.input_digest is not None:
        yield _compared("input digest", receipt.spec.input_digest, execution, what)


def _supersedes(receipt: Receipt, look_up: Lookup) -> Iterator[Check]:
    """Each earlier receipt of the chain is there, genuine, and about the same effect."""
    seen, current = [receipt.metadata.name], receipt
    while current.spec.supersedes is not None:
        name = current.spec.supersedes.name
        label = f"supersedes {name}"
        if name in seen:
            yield Check(label, Result.MISMATCH, f"the chain comes back to {name}")
            return
        seen.append(name)
        found = look_up("Receipt", name)
        if isinstance(found, Missing):
            yield Check(label, Result.UNCHECKED, f"Receipt {name} {found.why}")
            return
        try:
            earlier = Receipt.read(found)
        except ValidationError as why:
            yield Check(label, Result.UNCHECKED, f"Receipt {name} cannot be read: {why}")
            return
        yield _earlier(label, current, earlier)
        current = earlier


def _earlier(label: str, later: Receipt, earlier: Receipt) -> Check:
    if earlier.spec.effect_id != later.spec.effect_id:
        what = f"effect of Receipt {earlier.metadata.name}"
        return _compared(label, later.spec.effect_id, earlier.spec.effect_id, what)
    if earlier.spec.sequence >= later.spec.sequence:
        return Check(
            label,
            Result.MISMATCH,
            f"it is number {earlier.spec.sequence} of its effect, and the one that replaces it is "
            f"number {later.spec.sequence}",
        )
    return Check(label, _audit_hash(earlier).result, _audit_hash(earlier).detail)
