"""Everything that is written about one action whose data hold secrets: by the operator, by the CLI.

Made by the code itself, from the report of the action to its last receipt. Only the API server is
left out: what would be sent there is what comes back from here.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, cast

from rich.console import Console

from amends import archive
from amends.api import Action, DeadLetter, Disposition, Receipt, Resource
from amends.api.http import HttpExecution
from amends.api.receipt import ReceiptSpec
from amends.cli.look import story
from amends.cli.look.casefile import CaseFile
from amends.cli.shown import render
from amends.cli.shown.step import Typing
from amends.core.decide import decide
from amends.core.decision import Create, Decision, Tell
from amends.core.outcome import Outcome, Unknown
from amends.executors.http.answer import Answer, judge
from amends.executors.redaction import Redaction
from amends.kube.connection import Connection
from amends.kube.events import EventRecorder
from support import worlds
from support.api import Object
from support.payloads import Payload, Payloads
from support.reports import action_world
from support.secrets import Planted

HTTP = HttpExecution.model_validate({"method": "POST", "url": "https://board.example.com/undo"})
RETRY = {"http": HTTP.wire()}
Written = Iterator[tuple[str, str]]
"""What it is, and its text."""


@dataclass(frozen=True)
class Case:
    """A failed action: what it asked, what was answered, and what people said about it."""

    number: int
    given: Payload
    answer: Payload
    error: Planted
    target: Planted
    reason: Planted
    marks: frozenset[str]

    @classmethod
    def of(cls, number: int) -> "Case":
        """The case of this number, the same every time."""
        drawn = Payloads(number)
        given, answer = drawn.payload(), drawn.payload()
        error, target, reason = drawn.text(), drawn.text(2000), drawn.text(900)
        return cls(number, given, answer, error, target, reason, frozenset(drawn.secrets.marks))

    @property
    def spec(self) -> Object:
        """As an automation reports it."""
        return {
            "operation": "board.post",
            "outcome": "failed",
            "idempotencyKey": f"run-7/{self.number}",
            "error": self.error.value,
            "target": self.target.value,
            "input": self.given.value,
            "receipt": {"id": self.number, "result": self.answer.value},
            "requester": worlds.BOB,
            "compensation": {"name": "undo"},
            "retry": RETRY,
        }

    @cached_property
    def action(self) -> Action:
        """The Action as it is stored."""
        return Action.read({"metadata": worlds.metadata("post"), "spec": self.spec})

    def outcome(self, status: int) -> Outcome:
        """What a target that answers with the secrets has said, as the http executor sees it."""
        headers = {"Location": self.target.value, "Content-Type": "application/json"}
        body = json.dumps(self.answer.value, ensure_ascii=False).encode()
        answer = Answer(status, headers, body, truncated=False)
        return judge(HTTP, "https://board.example.com", answer, Redaction(()))


class Clock:
    """So much later each time that no Event is dropped."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 31, 9, tzinfo=UTC)

    def now(self) -> datetime:
        """A minute later."""
        self._now += timedelta(minutes=1)
        return self._now


class Scribe:
    """Writes down what is decided, as it would be sent."""

    def __init__(self) -> None:
        self.receipts: list[ReceiptSpec] = []
        """Of the case that was written last."""
        self._events = EventRecorder(cast(Connection, None), Clock(), "operator-1")

    def everything(self, case: Case) -> Written:
        """All that is written about a case."""
        self.receipts = []
        reported = decide(action_world(case.action))
        yield from self.decision("Action", reported)
        letter = stored(DeadLetter, reported.children)
        yield from self._retried(case, letter)
        yield from self._undone(case)
        yield from told(case, letter, stored(Receipt, reported.children))

    def _retried(self, case: Case, letter: DeadLetter) -> Written:
        """A person asks for a retry in words that hold a secret; the target answers with others."""
        asked = worlds.disposition("Retry", reason=case.reason.value, deadLetterRef={"name": "x"})
        bound = asked.status.model_copy(update={"bound_uid": letter.metadata.uid})
        asked = asked.model_copy(update={"status": bound})
        known = worlds.letter_world(letter, action=case.action, dispositions=(asked,))
        decision = decide(known)
        yield from self.decision("DeadLetter requested", decision)
        letter = moved(letter, decision)
        decision = decide(worlds.letter_world(letter, action=case.action))
        yield from self.decision("DeadLetter dispatched", decision)
        letter = moved(letter, decision)
        lost = Unknown(case.error.value)
        said = lost if case.number % 3 == 2 else case.outcome((200, 422)[case.number % 3])
        made = worlds.letter_world(letter, action=case.action, outcome=said)
        yield from self.decision("DeadLetter answered", decide(made))

    def _undone(self, case: Case) -> Written:
        said = case.outcome((200, 422, 503)[case.number % 3])
        decision = decide(worlds.world(worlds.running(), outcome=said))
        yield from self.decision("Compensation answered", decision)
        rejected = worlds.approval(decision="Reject", reason=case.reason.value)
        waiting = worlds.compensation("AwaitingApproval")
        yield from self.decision(
            "Compensation rejected", decide(worlds.world(waiting, approvals=(rejected,)))
        )

    def decision(self, what: str, decision: Decision) -> Written:
        """Children, status and Events of a decision. A plan is the user's own: it has to run."""
        for child in decision.children:
            if isinstance(child.spec, ReceiptSpec):
                self.receipts.append(child.spec)
            if child.kind != "Compensation":
                yield f"{what}: {child.kind}", text(child.spec.wire())
        if decision.status is not None:
            yield f"{what}: status", text(decision.status.wire())
        for effect in decision.effects:
            if isinstance(effect, Tell):
                yield f"{what}: Event", text(self._event(effect))

    def _event(self, said: Tell) -> Any:
        self._events.say(said.on, "uid-1", said.severity, said.reason, said.message)
        return self._events._body(self._events._queue.get_nowait())


def told(case: Case, letter: DeadLetter, receipt: Receipt) -> Written:
    """What `kubectl amends show` prints, and the archive keeps; the user's own words included."""
    reason = case.reason.value
    file = CaseFile("tenant-a", actions=[case.action], letters=[letter], receipts=[receipt])
    shown = (case.action, letter, receipt, worlds.disposition("Ignore", reason=reason))
    for number, one in enumerate(shown[case.number % 2 :: 2], case.number // 2):
        raw = raw_of(one)
        if number % 2:
            yield f"archive of {raw['kind']}", archive.line(raw).decode()
        else:
            yield f"-o json of {raw['kind']}", text(render.public(raw))
    if case.number % 50 == 0:  # rich takes its time; the facts are the same objects
        for one in shown:
            yield f"story of {type(one).__name__}", printed(one, file)


def printed(one: Action | DeadLetter | Receipt | Disposition, file: CaseFile) -> str:
    """A story as it is printed; no line is folded, so that none cuts a secret in two."""
    console = Console(width=20_000, color_system=None)
    with console.capture() as captured:
        console.print(story.told(one, file, Typing("tenant-a"), worlds.NOW))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def raw_of(one: Resource) -> Object:
    """The object as the API server sends it."""
    status = {"status": one.status.wire()} if one.status is not None else {}
    meta = worlds.metadata(one.metadata.name)
    return {"kind": type(one).__name__, "metadata": meta, "spec": one.spec.wire(), **status}


def stored(kind: Any, children: Iterable[Create]) -> Any:
    """The child of this kind, as the API server would have it."""
    child = next(one for one in children if one.kind == kind.__name__)
    return kind.read({"metadata": worlds.metadata(child.name), "spec": child.spec.wire()})


def moved(letter: DeadLetter, decision: Decision) -> DeadLetter:
    """The dead letter with the status that was decided."""
    assert decision.status is not None
    return letter.model_copy(update={"status": decision.status})


def text(value: Any) -> str:
    """Readable JSON: a secret must not hide behind escapes."""
    return json.dumps(value, ensure_ascii=False)
