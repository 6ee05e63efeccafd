"""The end of a story as it may be compared: everything that is written, except what may differ.

Masked, because two undisturbed runs differ in it as well: uids, times, periods, versions, holders,
Jobs, notices and field managers (named after uids), the namespace, the board's address, and digests
over any of these.

Masked, because a life more may cost an attempt more: the number of attempts, the names made from
that number (outbox entry, effect, Receipt of an attempt), how often a notice was sent,
`outbox.doubt` (it says that an earlier attempt had no answer), the target's remark that it answers
once more what it answered before, that an object is gone already, why nobody knew what a probe has
answered since, which probe it was, and a detour Running → Failed → Running.

Left out: generation counters of the server (managedFields and the like), which people never see.
"""

import copy
import difflib
import json
import re
from collections.abc import Sequence
from typing import Any

from amends.api import Compensation, Receipt
from amends.core.records import identity, receipts
from chaos.telling import Objects, Told

End = dict[str, Any]

_ATTEMPT = re.compile(r"\b(attempts?|dispatch) \d+")
_ATTEMPT_KEY = re.compile(r"\b(attempt [-a-z0-9]+):\d+")
_PROBE = re.compile(r"\bprobe \d+")
_MADE_FROM_ATTEMPT = re.compile(
    r"(effect-compensation|outbox-(?:compensation|retry))-[0-9a-f]{16}(-[0-9a-f]{8})?"
)
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
_MADE_FROM_UID = re.compile(r"(effect-[0-9a-f]{16})-[0-9a-f]{16}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)")
_PERIOD = re.compile(r"\d{4}-\d\d-\d\dT\d\d(?=\")")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOTICE = re.compile(r"escalation-[0-9a-f]{16}")
_JOB = re.compile(r"amends-[0-9a-f]{16}")
_FIELD_MANAGER = re.compile(r"amends-[0-9a-f]{12}\b")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


async def end_of(told: Told) -> End:
    """What is in the namespace and on the board, comparable."""
    found = await told.objects()
    check_receipts(found)
    comparable = {
        kind: sorted((_part(one) for one in objects), key=lambda one: json.dumps(one))
        for kind, objects in found.items()
    }
    text = json.dumps(comparable)
    for pattern, mask in (
        (_TIME, "<time>"),
        (_DATE, "<time>"),
        (_PERIOD, "<period>"),
        (_MADE_FROM_ATTEMPT, r"\1-<attempt>"),
        (_MADE_FROM_UID, r"\1-<uid>"),
        (_UID, "<uid>"),
        (_DIGEST, "<digest>"),
        (_JOB, "<job>"),
        (_NOTICE, "<notice>"),
        (_FIELD_MANAGER, "<field manager>"),
        (_ATTEMPT, "attempt <n>"),
        (_ATTEMPT_KEY, r"\1:<n>"),
        (_PROBE, "probe <n>"),
    ):
        text = pattern.sub(mask, text)
    text = text.replace(told.namespace, "<namespace>").replace(told.origin, "<board>")
    effects = await told.story.deed.effects(told)
    return {**json.loads(text), "effects": effects, "notices": len(told.notices)}


def difference(one: End, other: End) -> str:
    """What differs between two ends, line by line."""
    calm, disturbed = (
        json.dumps(end, indent=1, sort_keys=True).splitlines() for end in (other, one)
    )
    lines = difflib.unified_diff(calm, disturbed, "undisturbed", "disturbed", n=2, lineterm="")
    return "\n".join(lines)


def _part(raw: Any) -> Any:
    spec = copy.deepcopy(raw["spec"]) if raw["kind"] == "Receipt" else None
    # What a process heard after it had lost its claim: an undisturbed run has nothing of it.
    status = {key: value for key, value in raw.get("status", {}).items() if key != "lateResults"}
    if spec is not None:
        spec["attempt"] = "<n>"
        for counter in ("attempt", "dispatch"):
            if counter in spec["payload"]:
                spec["payload"][counter] = "<n>"
                _without_repeats(spec["payload"].get("evidence", {}))
    if "attempts" in status:
        status["attempts"] = "<n>"
        status["history"] = [step["to"] for step in _without_detours(status.get("history", []))]
    if "dispatch" in status:
        status["dispatch"] = "<n>"
    if raw["kind"] in ("Compensation", "DeadLetter") and "outbox" in status:
        verified = "verification" in status["outbox"]
        of_probes = ("detail", "verification") if verified else ()
        masked = ("attempt", "attemptKey", "claimedBy", *of_probes)
        status["outbox"] = {
            key: "<n>" if key in masked else value
            for key, value in status["outbox"].items()
            if key != "doubt"
        }
    if raw["kind"] == "Compensation" and "outbox" in status:
        status["executedBy"] = "<holder>"
    if "notice" in status.get("escalation", {}):
        status["escalation"]["notice"]["attempts"] = "<n>"
    if "preview" in status:
        status["preview"] = {**status["preview"], "resourceVersion": "<version>"}
    return {"name": raw["metadata"]["name"], "spec": spec, "status": status}


def _without_repeats(evidence: dict[str, Any]) -> None:
    """What evidence says besides: that it was done before, or which question has shown it."""
    evidence.get("headers", {}).pop("Idempotent-Replayed", None)
    evidence.pop("told", None)
    evidence.pop("resourceVersion", None)
    evidence.pop("probe", None)


def _without_detours(history: Sequence[Any]) -> list[Any]:
    straight: list[Any] = []
    for step in history:
        if (step["from"], step["to"]) == ("Failed", "Running"):
            straight.pop()
        else:
            straight.append(step)
    return straight


def check_receipts(found: Objects) -> None:
    """I3: one Receipt for what was undone, and each of them genuine."""
    about: dict[str, int] = {}
    for raw in found["Receipt"]:
        receipt = Receipt.read(dict(raw))
        assert receipts.is_genuine(receipt.metadata.name, receipt.spec)
        about[receipt.spec.subject.uid] = about.get(receipt.spec.subject.uid, 0) + 1
    for raw in found["Compensation"]:
        undo = Compensation.read(dict(raw))
        completed = undo.status.phase == "Completed"
        assert about.get(undo.metadata.uid, 0) == completed, f"receipts about {undo.status.phase}"
        if completed:
            assert undo.status.receipt_ref is not None
            name = identity.compensation_receipt_name(undo, undo.status.attempts)
            assert undo.status.receipt_ref.name == name
