"""What is written to the API server, when, and what is said if it cannot be."""

import json
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from amends.api import GROUP, VERSION
from amends.api.action import ActionSpec
from amends.client import fields
from amends.client.errors import (
    EvidenceNotRecorded,
    NotClaimed,
    OutcomeNotRecorded,
    RecordingError,
    WrongField,
)
from amends.client.ledger import CLAIMED_BY, REPORTED, Claim, Ledger
from amends.client.patience import patiently
from amends.client.running import RunningAction
from amends.client.surroundings import Place, connected
from amends.client.verdict import Verdict, Word
from amends.ports import Fault, Rejected, Unsure

LONGEST_COMMAND = 16384
"""Characters of JSON that are still printed for a shell; beyond, the receipt is left out."""

T = TypeVar("T")


@dataclass(frozen=True)
class Report:
    """The spec with its outcome. bare: the outcome, with nothing that came after the claim.

    objection: why something that was said is missing.
    """

    spec: ActionSpec
    bare: ActionSpec
    objection: str | None = None

    def without_evidence(self, why: str) -> ActionSpec:
        """The outcome alone, for the case that the rest cannot be stored."""
        return self.bare.model_copy(update={"receipt": fields.omitted(why)})


def outcome_of(spec: ActionSpec, action: RunningAction, verdict: Verdict) -> Report:
    """What the block has said, as an Action says it."""
    receipt = fields.evidence(action.receipt) if action.receipt is not None else {}
    if verdict.word is Word.UNKNOWN:
        # Not in `error`: an error always means Failed.
        receipt = {**receipt, "unknown": verdict.why}
    error = verdict.why if verdict.word is Word.FAILED else None
    bare = spec.model_copy(update={"outcome": str(verdict.word), "error": error})
    said: dict[str, Any] = {"receipt": receipt}
    objection = None
    if action.compensation is not None:
        try:
            said["compensation"] = fields.compensation(action.compensation)
        except WrongField as why:
            objection = str(why)
    return Report(bare.model_copy(update=said), bare, objection)


@dataclass
class Record:
    """The record of one block: claimed once, reported on once."""

    place: Place
    stem: str
    holder: str
    patience: float
    namespace: str | None = field(default=None, init=False)
    _claim: Claim | None = field(default=None, init=False)

    async def claim(self, spec: ActionSpec) -> Claim:
        """Record it before anything is sent.

        Raises:
            NotClaimed: for now it cannot be.
            WrongField: it never can be.
        """
        try:
            self._claim = await self._with_ledger(lambda ledger: ledger.claim(spec))
        except Rejected as why:
            if why.status in (400, 413, 422):
                raise WrongField(f"{self.stem}: {why.answer or why}") from why
            raise NotClaimed(self._not_claimed(why)) from why
        except Fault as why:
            raise NotClaimed(self._not_claimed(why)) from why
        return self._claim

    async def report(self, report: Report) -> None:
        """Record what came of it.

        Raises:
            OutcomeNotRecorded: it is not on record.
            EvidenceNotRecorded: it is, but not all that was said with it.
        """
        objection = report.objection
        try:
            try:
                await self._write(report.spec)
            except Rejected as why:
                # The outcome matters more than what proves it: too large, too deep, refused.
                objection = why.answer or str(why)
                await self._write(report.without_evidence(objection))
        except (Fault, RecordingError) as why:
            raise OutcomeNotRecorded(
                f"{self.stem}: outcome {report.spec.outcome!r} is not on record: {why}",
                self._command(report),
            ) from why
        if objection is not None:
            raise EvidenceNotRecorded(
                f"{self.stem}: outcome {report.spec.outcome!r} is on record, but not all that "
                f"was said with it: {objection}"
            )

    async def _write(self, spec: ActionSpec) -> None:
        claim = self._claim
        if claim is None:  # it went on without one: claim and outcome are one write
            await self._with_ledger(lambda ledger: ledger.claim(spec))
        else:
            await self._with_ledger(lambda ledger: ledger.report(claim, spec))

    async def _with_ledger(self, step: Callable[[Ledger], Awaitable[T]]) -> T:
        async with connected(self.place) as (connection, namespace):
            self.namespace = self.namespace or namespace
            ledger = Ledger(connection, self.namespace, self.stem, self.holder)
            return await patiently(lambda: step(ledger), self.patience)

    def _not_claimed(self, why: Fault) -> str:
        text = f"{self.stem} could not be recorded before the call: {why}"
        if isinstance(why, Unsure):
            text += ". The claim may be on record all the same: then it stays Pending"
        if why.status == 403:
            text += (
                f"\nAn automation needs get, create and patch of actions.{GROUP} in namespace "
                f"{self.namespace}: bind it to ClusterRole amends-automation there"
            )
        return text

    def _command(self, report: Report) -> str:
        """What records it by hand, for a shell."""
        whole = self._spelled(report.spec.wire())
        if len(whole) <= LONGEST_COMMAND:
            return whole
        return self._spelled(report.without_evidence("too long for a command line").wire())

    def _spelled(self, content: dict[str, Any]) -> str:
        where = [*self.place.flags, *(["-n", self.namespace] if self.namespace else [])]
        if self._claim is None:
            document = {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": "Action",
                "metadata": {"name": self.stem, "annotations": {CLAIMED_BY: self.holder}},
                "spec": content,
            }
            typed = shlex.join(["kubectl", "create", *where, "-f", "-"])
            return f"echo {shlex.quote(json.dumps(document))} | {typed}"
        change = {"spec": {name: content[name] for name in sorted(REPORTED) if name in content}}
        what = ["patch", f"actions.{GROUP}", self._claim.name, "--type=merge"]
        return shlex.join(["kubectl", *what, *where, "-p", json.dumps(change)])
