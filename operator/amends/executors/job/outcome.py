"""What became of a Job's work: pure, from what was seen of it to an Outcome.

The program's own word counts first (a termination message in JSON), then its exit code, and both
only where it ended by itself: a program that handles SIGTERM may end with 0 half way through.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amends.api import outcome as wire
from amends.api.job import JobExecution
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.records.digest import digest
from amends.core.records.redaction import redact_text
from amends.executors.job.pods import Ended, Fate
from amends.executors.redaction import Redaction
from amends.ports import Raw

OUT_OF_MEMORY = "OOMKilled"
MOST_LINES = 20
MOST_LOG = 8 * 1024
"""Characters of the log that are kept, in whole lines."""

_CLEAN = Redaction(())
"""Nothing is known of the program's secrets; what no UTF-8 can hold goes all the same."""


@dataclass(frozen=True)
class Seen:
    """What is known of a Job when it is over.

    job: as it was seen last. whole: nothing of it can have been missed. refused: why no pod could
    be made. stopped: why we ended it. unseen: why its pods could not be looked at. log: the last
    lines of the container that decides.
    """

    job: Raw
    fates: Sequence[Fate]
    whole: bool
    refused: str | None = None
    stopped: str | None = None
    unseen: str | None = None
    log: Sequence[str] | None = None


def judge(execution: JobExecution, container: str, seen: Seen) -> Outcome:
    """The outcome, with what a person needs to know in its reason."""
    began = next((fate for fate in seen.fates if fate.started), None)
    if began is not None:
        return _began(execution, container, began, seen)
    unclear = next((fate for fate in seen.fates if fate.started is None), None)
    if unclear is not None:
        why = _cut_short(unclear, seen) or "is gone"
        return Unknown(f"{_job(seen)}: pod {unclear.pod} {why}, and nobody saw whether it began")
    if seen.fates:
        fate = seen.fates[-1]
        cut = _cut_short(fate, seen)
        why = "; ".join(one for one in (fate.waits, cut and f"it {cut}") if one is not None)
        return NotApplied(f"{_job(seen)}: pod {fate.pod} never started: {why or 'no reason given'}")
    return _without_a_pod(execution, seen)


def condition(job: Raw, kind: str) -> dict[str, Any] | None:
    """A condition of the Job that holds."""
    found = job.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind and one["status"] == "True"), None)


def last_lines(text: str) -> list[str]:
    """The end of a log in whole lines. Redacted before it is cut: half a secret is not seen."""
    lines = redact_text(_CLEAN.text(text).replace("\x00", "")).splitlines()[-MOST_LINES:]
    while lines and sum(map(len, lines)) > MOST_LOG:
        lines.pop(0)
    return lines


def _job(seen: Seen) -> str:
    return f"Job {seen.job['metadata']['name']}"


def _without_a_pod(execution: JobExecution, seen: Seen) -> Outcome:
    status = seen.job.get("status", {})
    if seen.unseen is not None:
        # What its program said would come before its exit code, so even 0 does not tell.
        return Unknown(f"{_job(seen)} is over, and nobody saw how its pod ended: {seen.unseen}")
    if condition(seen.job, "Complete") is not None:
        # A Job is complete when a pod has ended with 0, and only then.
        if _meaning(execution, 0) is wire.Outcome.APPLIED:
            return Applied({"job": seen.job["metadata"]["name"], "exitCode": 0})
        return Unknown(f"{_job(seen)} is complete, and its pod is gone with what it said")
    # The Job controller counts every pod before it lets go of it.
    had = any(status.get(count) for count in ("failed", "succeeded", "uncountedTerminatedPods"))
    if had or not seen.whole:
        return Unknown(f"{_job(seen)}: its pod is gone, and nobody saw how it ended")
    why = seen.refused or f"it {seen.stopped or _deadline(seen) or 'was deleted'}"
    return NotApplied(f"{_job(seen)} never got a pod: {why}")


def _began(execution: JobExecution, container: str, fate: Fate, seen: Seen) -> Outcome:
    """It had begun: from here on, only its own word or its own exit code says more."""
    what, ended = f"{_job(seen)}: container {container} of pod {fate.pod}", fate.ended
    doubt = "it had begun, so it may have had its effect"
    if ended is not None and ended.reason == OUT_OF_MEMORY:
        limit = "raise resources.limits.memory in the template"
        return Unknown(f"{what} ran out of memory and was killed ({limit}); {doubt}")
    if ended is None or not ended.by_itself:
        why = _cut_short(fate, seen) or "was lost, and with it how it ended"
        return Unknown(f"{_job(seen)}: pod {fate.pod} {why}; {doubt}")
    said = _said(ended.message)
    if said is not None:
        return _as_said(what, said, _evidence(container, fate, ended, seen))
    ending = f"{what} ended with exit code {ended.code} ({ended.reason}){_words(ended, seen)}"
    match _meaning(execution, ended.code):
        case wire.Outcome.APPLIED:
            return Applied(_evidence(container, fate, ended, seen))
        case wire.Outcome.NOT_APPLIED:
            return NotApplied(ending)
        case _:
            return Unknown(f"{ending}: that does not say whether it had its effect")


def _cut_short(fate: Fate, seen: Seen) -> str | None:
    """Who or what ended the pod: ourselves, the deadline, or somebody outside."""
    return seen.stopped or _deadline(seen) or fate.disturbed


def _deadline(seen: Seen) -> str | None:
    for kind in ("Failed", "FailureTarget"):
        found = condition(seen.job, kind)
        if found is not None and found.get("reason") == "DeadlineExceeded":
            seconds = seen.job["spec"].get("activeDeadlineSeconds")
            return f"was not done within timeoutSeconds ({seconds} s)"
    return None


def _meaning(execution: JobExecution, code: int) -> wire.Outcome:
    """The user's table first, then the defaults that JobExecution promises."""
    for row in execution.exit_codes:
        if code in row.codes:
            return row.outcome
    return wire.Outcome.APPLIED if code == 0 else wire.Outcome.UNKNOWN


def _said(message: str) -> dict[str, Any] | None:
    """The termination message, if it is a JSON object with an outcome."""
    try:
        parsed = _CLEAN.json(json.loads(message))
        digest(parsed)  # what has no canonical form cannot be put on record
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) and "outcome" in parsed else None


def _as_said(what: str, said: dict[str, Any], evidence: dict[str, Any]) -> Outcome:
    reason = f"{what} said: {said.get('reason') or 'no reason given'}"
    match said["outcome"]:
        case wire.Outcome.APPLIED:
            return Applied({**evidence, "message": None, "result": said})
        case wire.Outcome.NOT_APPLIED:
            return NotApplied(reason, retryable=said.get("retryable") is not False)
        case wire.Outcome.UNKNOWN:
            return Unknown(reason)
        case other:
            return Unknown(
                f"{what} wrote a termination message whose outcome is {json.dumps(other)[:100]}: "
                "it must be Applied, NotApplied or Unknown"
            )


def _evidence(container: str, fate: Fate, ended: Ended, seen: Seen) -> dict[str, Any]:
    return {
        "job": seen.job["metadata"]["name"],
        "pod": fate.pod,
        "container": container,
        "exitCode": ended.code,
        "reason": ended.reason,
        "startedAt": ended.started_at,
        "finishedAt": ended.finished_at,
        "message": _CLEAN.text(ended.shown) or None,
        "log": list(seen.log) if seen.log is not None else None,
    }


def _words(ended: Ended, seen: Seen) -> str:
    """What the program said last, so that a person need not look for its pod."""
    lines = redact_text(_CLEAN.text(ended.shown)).splitlines() or (seen.log or ())
    last = " ".join(lines[-1].split()) if lines else ""
    return f", and said: {last[:500]}" if last else ""
