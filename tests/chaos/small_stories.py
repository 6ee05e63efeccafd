"""Stories of dead letters in the small world: what people and the target do, whoever crashes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.kube.cache import key_of
from amends.ports import Raw, Unsure, Work
from chaos.invariants import everything_holds
from chaos.small_server import SmallServer, SmallTarget
from chaos.small_world import Holder, PowerLost, Trouble

KEY = "run-a/post"
STEPS = 2000
"""More than any story needs; one that takes more never ends."""
LATER = timedelta(minutes=6)
"""A second life begins when the claims of the first have run out."""
A_MOMENT = timedelta(seconds=1)
"""Nobody is quicker than that."""

Deed = Callable[["Told"], bool]
"""What a person does as soon as it can be done; False: not yet."""


@dataclass(frozen=True)
class Tale:
    """What people do, one after the other, and what the target answers to one request after it.

    answers: the last one is given again and again. held: nothing is answered before every deed is
    done. verified: the action says how the target is asked whether it has happened.
    """

    deeds: Sequence[Deed]
    answers: Sequence[str] = ("applied",)
    retry_safety: str = "ProviderKey"
    held: bool = False
    verified: bool = False


@dataclass
class Told:
    """A tale under way."""

    tale: Tale
    server: SmallServer = field(default_factory=SmallServer)
    target: SmallTarget = field(init=False)
    done: int = 0
    arrived: int = 0
    cut: str | None = None
    """The call at which it was disturbed."""
    in_doubt: bool = False
    """Whether that was between a claim and its proof, or it was the answer of the target."""

    def __post_init__(self) -> None:
        self.target = SmallTarget(honours_keys=self.tale.retry_safety == "ProviderKey")

    def play(self, trouble: Trouble) -> None:
        """One life with that trouble, and a second one if it does not survive it."""
        try:
            self.live(Holder(self.server, "first", trouble))
            self.in_doubt = trouble.struck == "run"
        except PowerLost:
            self.in_doubt = claimed_without_proof(self.server)
            self.server.time.at += LATER
            self.live(Holder(self.server, "second"))
        self.cut = trouble.struck

    def live(self, holder: Holder) -> None:
        """Work until nothing more is to happen, however late it gets.

        Raises:
            PowerLost: this life is over.
        """
        for _ in range(STEPS):
            if not (
                self._someone_acts(holder)
                or holder.work()
                or holder.hears()
                or self.answers(holder)
            ):
                due = min(holder.queue.due.values(), default=None)
                if due is None:
                    return
                self.server.time.at = max(due, self.server.time.at)
            everything_holds(self.server, self.target, holder.executions.works.items())
        raise AssertionError(f"it does not end: {holder.queue.due}")

    def _someone_acts(self, holder: Holder) -> bool:
        return self.acts() and holder.hears()

    def acts(self) -> bool:
        """Who is next acts, if it can be done by now."""
        if self.done == len(self.tale.deeds):
            return False
        self.server.time.at += A_MOMENT
        if not self.tale.deeds[self.done](self):
            self.server.time.at -= A_MOMENT
            return False
        self.done += 1
        return True

    def answers(self, holder: Holder) -> bool:
        """The target answers one of its requests, if it has any."""
        if self.tale.held and self.done < len(self.tale.deeds):
            return False
        for key, work in holder.executions.works.items():
            holder.executions.end(key, self._answer(holder.cluster.trouble, "run", work))
            return True
        for key, work in holder.executions.probes.items():
            holder.executions.tell(key, self._answer(holder.cluster.trouble, "probe", work))
            return True
        return False

    def _answer(self, trouble: Trouble, call: str, work: Work) -> Outcome:
        do = self._handled if call == "run" else self._looked_up
        try:
            return trouble.call(call, lambda: do(work))
        except Unsure:
            return Unknown("no answer")

    def _looked_up(self, work: Work) -> Outcome:
        happened = self.target.effects[work.idempotency_key] > 0
        return Applied({"status": 200}) if happened else NotApplied("404")

    def _handled(self, work: Work) -> Outcome:
        answer = self.tale.answers[min(self.arrived, len(self.tale.answers) - 1)]
        self.arrived += 1
        match answer:
            case "applied":
                return self.target.apply(work.idempotency_key)
            case "lost":
                self.target.apply(work.idempotency_key)
                return Unknown("no answer")
            case "dropped":
                return Unknown("no answer")
            case _:
                return NotApplied("503")

    # ------------------------------------------------------------------------- what people see

    def the(self, kind: str) -> Mapping[str, Any] | None:
        """The newest of a kind."""
        return next(reversed(self.server.of(kind)), None)

    def letter_rests_in(self, *phases: str) -> bool:
        """The dead letter is there, and everybody has been heard."""
        letter = self.the("DeadLetter")
        settled = all(one["status"].get("settled") for one in self.server.of("Disposition"))
        if letter is None or "observedGeneration" not in letter["status"]:
            return False
        return settled and letter["status"]["phase"] in phases


# --------------------------------------------------------------------------------- what people do


def reports(outcome: str, *, undo: bool = False, approvers: int = 1) -> Deed:
    """bob's automation says what came of it."""

    def deed(told: Told) -> bool:
        http = {"method": "POST", "url": "https://board/", "retrySafety": told.tale.retry_safety}
        asked = {"http": {"url": "https://board/"}, "afterSeconds": 0, "attempts": 2}
        spec: dict[str, Any] = {
            "operation": "board.post",
            "outcome": outcome,
            "idempotencyKey": KEY,
            "requester": {"username": "bob"},
            "retry": {"http": http, **({"verify": asked} if told.tale.verified else {})},
        }
        if undo:
            spec["compensation"] = {
                "name": "undo-post",
                "execution": {"http": http},
                "approval": {"approvers": approvers},
            }
        told.server.create("Action", f"post-{len(told.server.of('Action')) + 1}", spec)
        return True

    return deed


def chooses(choice: str, *phases: str, **spec: Any) -> Deed:
    """alice decides on the dead letter, once it rests in one of these phases."""

    def deed(told: Told) -> bool:
        if not told.letter_rests_in(*phases):
            return False
        letter = told.the("DeadLetter")
        assert letter is not None
        number = len(told.server.of("Disposition")) + 1
        given = {
            "deadLetterRef": {"name": letter["metadata"]["name"]},
            "choice": choice,
            "reason": "I looked at it",
            "actor": {"username": "alice"},
            **spec,
        }
        told.server.create("Disposition", f"choice-{number}", given)
        return True

    return deed


def approves(who: str, *, knowing: str | None = None) -> Deed:
    """A person approves the plan, once there is one; knowing: a field of its status is there."""

    def deed(told: Told) -> bool:
        undo = told.the("Compensation")
        if undo is None or undo["status"]["phase"] != "AwaitingApproval":
            return False
        if knowing is not None and not undo["status"].get(knowing):
            return False
        number = len(told.server.of("Approval")) + 1
        spec = {
            "subjectRef": {"name": undo["metadata"]["name"]},
            "planDigest": undo["status"]["planDigest"],
            "decision": "Approve",
            "actor": {"username": who},
        }
        told.server.create("Approval", f"yes-{number}", spec)
        return True

    return deed


def bob_cancels(told: Told) -> bool:
    """bob cancels the undo that his dead letter waits for."""
    undo = told.the("Compensation")
    if undo is None or undo["status"]["phase"] != "AwaitingApproval":
        return False
    told.server.change(key_of(undo), cancel=True)
    return True


def once(deed: Deed, statements: str = "Disposition", **phases: str) -> Deed:
    """The same, but not before the dead letter and the undo have come so far, and all are heard."""

    def later(told: Told) -> bool:
        come_so_far = all(
            (one := told.the(kind)) is not None and one["status"]["phase"] == phase
            for kind, phase in phases.items()
        )
        settled = all(one["status"].get("settled") for one in told.server.of(statements))
        return come_so_far and settled and deed(told)

    return later


def end_of(told: Told) -> dict[str, Any]:
    """What is there in the end, without times, and without what one dispatch more changes."""
    objects = {
        f"{raw['kind']} {raw['metadata']['name']}": _part(raw)
        for raw in told.server.objects.values()
        if raw["kind"] != "Receipt"
    }
    proofs = [raw["spec"] for raw in told.server.of("Receipt")]
    about = sorted((one["subject"]["kind"], one["sequence"], one["outcome"]) for one in proofs)
    return {**objects, "receipts": about, "effects": +told.target.effects}


def _part(raw: Raw) -> dict[str, Any]:
    status = raw["status"]
    history = [step["to"] for step in status.get("history", ())]
    return {
        "phase": status.get("phase") or bool(status.get("settled")),
        "settled": status.get("settled"),
        "decided": status.get("disposition", {}).get("choice"),
        "by": status.get("disposition", {}).get("actor"),
        "undone by": status.get("compensationRef"),
        "superseded": "supersededBy" in status,
        "history": history,
        "conditions": {one["type"]: one["reason"] for one in status.get("conditions", ())},
    }


def is_in_doubt(end: Mapping[str, Any]) -> bool:
    """Whether it says that nobody knows, for a person to decide."""
    return any(
        {"Stalled", "OutcomeUnknown"} <= one.get("conditions", {}).keys()
        for one in end.values()
        if isinstance(one, dict)
    )


def claimed_without_proof(server: SmallServer) -> bool:
    """Whether a request is on record of which nothing says what became of it."""
    proofs = [raw["spec"] for raw in server.of("Receipt")]
    proved = {(one["subject"]["uid"], one["outboxId"]) for one in proofs}
    return any(
        entry.get("phase") == "Claimed"
        and entry.get("outcome") != "Applied"
        and (raw["metadata"]["uid"], entry["id"]) not in proved
        for raw in (*server.of("DeadLetter"), *server.of("Compensation"))
        if (entry := raw["status"].get("outbox", {}))
    )
