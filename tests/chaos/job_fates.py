"""Fates: what befalls the pod of an undo by Job, and what the undo has to come to by that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from amends.api import Receipt
from amends.ports import Raw
from fakenode import AFTER, EXIT_CODE, REASON
from support.api import Object
from support.manifests import compensation
from support.tenant import condition

FATE = "fate"
"""Label of a pod, by which whoever disturbs it finds it."""

APPLIED, NOT_APPLIED, UNKNOWN = "Applied", "NotApplied", "Unknown"


@dataclass(frozen=True)
class Fate:
    """One sort of undo.

    share: how many of a hundred. outcome and words: what its last attempt has to be on record with.
    annotations: what the fake node makes of the pod. pod: fields of its spec. plan: of the undo's.
    """

    name: str
    share: int
    outcome: str
    words: str = ""
    attempts: int = 1
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)

    def undo(self, name: str, seconds: float) -> Object:
        """An undo of this sort. seconds: how long its program runs, if it ends by itself."""
        ends = {AFTER: f"{seconds:.1f}s", **self.annotations} if self.annotations else {}
        containers = [{"name": "undo", "image": "localhost/none:1"}]
        template = {
            "metadata": {"labels": {FATE: self.name}, "annotations": ends},
            "spec": {"containers": containers, **self.pod},
        }
        codes = [{"codes": [3], "outcome": NOT_APPLIED}]
        plan = {
            "execution": {"job": {"exitCodes": codes, "template": template}},
            "retry": {"maxAttempts": self.attempts, "backoffSeconds": 1, "maxBackoffSeconds": 1},
            "timeoutSeconds": 300,
            **self.plan,
        }
        return compensation(name, **plan)

    def is_over(self, undo: Object) -> bool:
        """Whether nothing more becomes of it by itself."""
        status = undo["status"]
        if status["phase"] == "Running":
            return condition(undo, "OutcomeUnknown").get("status") == "True"
        return status["phase"] == "Completed" or condition(undo, "Stalled").get("status") == "True"

    def faults(self, undo: Object, receipts: Sequence[Raw]) -> Iterator[str]:
        """What is wrong with the end that it has come to."""
        status = undo["status"]
        entry = status.get("outbox", {})
        phase, kind = _ENDS[self.outcome]
        says = condition(undo, kind)
        stood = (status["phase"], entry.get("outcome"), status.get("attempts"), says.get("status"))
        if stood != (wanted := (phase, self.outcome, self.attempts, "True")):
            yield f"it came to {stood}, and not to {wanted}: {says.get('message')}"
        if self.words not in says.get("message", ""):
            yield f"its condition {kind} does not say {self.words!r}: {says.get('message')}"
        proofs = [Receipt.read(dict(one)).spec for one in receipts]
        if len(proofs) != (self.outcome == APPLIED):
            yield f"it has {len(proofs)} Receipts"


_ENDS = {
    APPLIED: ("Completed", "Ready"),
    NOT_APPLIED: ("Failed", "Stalled"),
    UNKNOWN: ("Running", "OutcomeUnknown"),
}
"""The phase in which an undo with this outcome stays, and the condition that tells of it."""

NOWHERE = {"nodeSelector": {"no": "such-node"}}
OUT_OF_MEMORY = {EXIT_CODE: "137", REASON: "OOMKilled"}

FATES = (
    Fate("ends-with-0", 56, APPLIED, annotations={EXIT_CODE: "0"}),
    Fate(
        *("ends-with-3", 12, NOT_APPLIED, "ended with exit code 3 (Error)"),
        attempts=2,
        annotations={EXIT_CODE: "3"},
    ),
    Fate("ends-with-4", 10, UNKNOWN, "ended with exit code 4", annotations={EXIT_CODE: "4"}),
    Fate("out-of-memory", 4, UNKNOWN, "ran out of memory", annotations=OUT_OF_MEMORY),
    Fate("deleted", 8, UNKNOWN, "was deleted; it had begun"),
    Fate("evicted", 8, UNKNOWN, "was evicted through the API; it had begun"),
    Fate(
        *("never-scheduled", 2, NOT_APPLIED, "never started: Unschedulable"),
        pod=NOWHERE,
        plan={"timeoutSeconds": 4},
    ),
)
DISTURBED = ("deleted", "evicted")
"""The fates that somebody else has to bring about."""


def of_each(count: int) -> list[Fate]:
    """So many fates in all, of each its share; from 50 on there is each of them."""
    bounds = [count * upto // 100 for upto in accumulate(one.share for one in FATES)]
    return [
        fate
        for fate, upto, since in zip(FATES, bounds, [0, *bounds], strict=False)
        for _ in range(upto - since)
    ]
