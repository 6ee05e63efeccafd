"""Any schedule of people, holders, faults and time: what must always hold, and how it ends.

Invariants: I1 (nothing before an approval of exactly that plan), I2 (one effect per key), I3 (one
Receipt per effect), I5 (who lost the claim writes nothing), I10 (terminal is for ever), I12
(it ends).
"""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from amends.core import identity
from amends.core.digest import plan_digest
from amends.core.key import Key
from amends.core.outcome import NotApplied, Unknown
from amends.ports import Fault, Work
from chaos.invariants import TERMINAL, UNDO, Invariants
from chaos.small_world import (
    CLAIM,
    NAMESPACE,
    Holder,
    PowerLost,
    SmallServer,
    SmallTarget,
    Trouble,
)

STEPS = 400
"""More than any drained world needs; a world that takes more never ends."""

troubles = st.builds(
    Trouble,
    at=st.integers(0, 3),
    kind=st.sampled_from(["power-before", "power-after", "lost-before", "lost-after"]),
)
holders = st.sampled_from(["one", "two"])


class AnySchedule(Invariants):
    """People and faults in any order, with up to two holders that work at the same time."""

    @initialize(
        honours_keys=st.booleans(),
        approvers=st.integers(0, 2),
        attempts=st.integers(1, 3),
    )
    def begin(self, honours_keys: bool, approvers: int, attempts: int) -> None:
        self.server = SmallServer()
        self.target = SmallTarget(honours_keys)
        self.holders: dict[str, Holder] = {}
        self.in_flight: list[Work] = []
        self.born = 0
        self.decided = 0
        self.seen: dict[Key, dict[str, Any]] = {}
        self.logged = 0
        safety = "ProviderKey" if honours_keys else "None"
        http = {"method": "DELETE", "url": "https://board/m-1", "retrySafety": safety}
        self.server.create(
            "Action",
            "post",
            {
                "operation": "board.post",
                "outcome": "failed",
                "idempotencyKey": "k",
                "requester": {"username": "bob"},
                "compensation": {
                    "name": "undo-post",
                    "execution": {"http": http},
                    "approval": {"required": approvers > 0, "approvers": max(approvers, 1)},
                    "retry": {"maxAttempts": attempts},
                },
            },
        )

    def keys(self) -> list[Key]:
        return sorted(key for key in self.server.objects if key.kind != "Receipt")

    def holder(self, name: str) -> Holder:
        if name not in self.holders:
            self.born += 1
            self.holders[name] = Holder(self.server, f"{name}-{self.born}")
        return self.holders[name]

    def look(self, name: str, key: Key, trouble: Trouble | None = None) -> timedelta | None:
        holder = self.holder(name)
        try:
            return holder.look(key, trouble)
        except PowerLost:
            self.power_fails(name)
        except Fault:
            pass
        return timedelta(0)

    # ------------------------------------------------------------------------------ the operator

    @rule(name=holders, pick=st.randoms(use_true_random=False))
    def looks(self, name: str, pick: Any) -> None:
        self.look(name, pick.choice(self.keys()))

    @rule(name=holders, times=st.integers(1, 4))
    def looks_at_the_undo(self, name: str, times: int) -> None:
        for _ in range(times):
            self.look(name, UNDO)

    @rule(name=holders, pick=st.randoms(use_true_random=False), trouble=troubles)
    def looks_in_trouble(self, name: str, pick: Any, trouble: Trouble) -> None:
        self.look(name, pick.choice(self.keys()), Trouble(trouble.at, trouble.kind))

    @rule(name=holders, trouble=troubles)
    def looks_at_the_undo_in_trouble(self, name: str, trouble: Trouble) -> None:
        self.look(name, UNDO, Trouble(trouble.at, trouble.kind))

    @rule(name=holders, pick=st.randoms(use_true_random=False))
    def hears(self, name: str, pick: Any) -> None:
        self.holder(name).hear(pick.choice(self.keys()))

    @rule(name=holders)
    def hears_everything(self, name: str) -> None:
        self.holder(name).hear_all()

    @rule(name=holders)
    def power_fails(self, name: str) -> None:
        if (dead := self.holders.pop(name, None)) is not None:
            self.in_flight += [*dead.executions.sent, *dead.executions.works.values()]

    # -------------------------------------------------------------------------------- the target

    def at_work(self) -> list[tuple[Holder, Key]]:
        return [
            (holder, key)
            for holder in self.holders.values()
            for key in sorted(holder.executions.works)
        ]

    @precondition(lambda self: self.at_work())
    @rule(answer=st.sampled_from(["applied", "lost-after", "lost-before", "busy", "refused"]))
    def target_acts(self, answer: str) -> None:
        for holder, key in self.at_work():
            work = holder.executions.works[key]
            match answer:
                case "applied":
                    holder.executions.end(key, self.target.apply(work.idempotency_key))
                case "lost-after":
                    self.target.apply(work.idempotency_key)
                    holder.executions.end(key, Unknown("no answer"))
                case "lost-before":
                    holder.executions.end(key, Unknown("no answer"))
                case "busy":
                    holder.executions.end(key, NotApplied("busy"))
                case _:
                    holder.executions.end(key, NotApplied("refused", retryable=False))

    @precondition(lambda self: any(h.executions.sent for h in self.holders.values()))
    @rule()
    def stopped_requests_are_still_on_their_way(self) -> None:
        for holder in self.holders.values():
            self.in_flight += holder.executions.sent
            holder.executions.sent = []

    @precondition(lambda self: self.in_flight)
    @rule()
    def a_request_arrives_late(self) -> None:
        self.target.apply(self.in_flight.pop(0).idempotency_key)

    # ---------------------------------------------------------------------------- people and time

    @precondition(lambda self: self.undo() is not None and self.decided < 5)
    @rule(
        who=st.sampled_from(["alice", "dora", "bob"]),
        decision=st.sampled_from(["Approve", "Approve", "Approve", "Reject"]),
        digest=st.sampled_from(["right", "right", "right", "wrong"]),
    )
    def decides(self, who: str, decision: str, digest: str) -> None:
        undo = self.undo()
        assert undo is not None
        right = plan_digest(NAMESPACE, undo.metadata.name, undo.spec)
        self.decided += 1
        self.server.create(
            "Approval",
            f"says-{self.decided}",
            {
                "subjectRef": {"name": undo.metadata.name},
                "planDigest": right if digest == "right" else f"sha256:{'0' * 64}",
                "decision": decision,
                "actor": {"username": who},
            },
        )

    @precondition(lambda self: self.is_unsettled())
    @rule(suspend=st.booleans())
    def suspends(self, suspend: bool) -> None:
        self.server.change(UNDO, suspend=suspend)

    @precondition(lambda self: self.is_unsettled() and not self.undo().spec.cancel)
    @rule()
    def cancels(self) -> None:
        self.server.change(UNDO, cancel=True)

    # Not before the Action is recorded: until then a Compensation with another plan is not its own.
    @precondition(lambda self: self.is_unsettled() and not self.is_frozen() and self.is_recorded())
    @rule(text=st.sampled_from(["remove it", "remove it at once"]))
    def changes_the_plan(self, text: str) -> None:
        self.server.change(UNDO, rollbackInstruction=text)

    @rule(seconds=st.sampled_from([1, 3, 200, 301, 601]))
    def time_passes(self, seconds: int) -> None:
        self.server.time.at += timedelta(seconds=seconds)

    def is_unsettled(self) -> bool:
        undo = self.undo()
        return undo is not None and undo.status.phase not in TERMINAL

    def is_recorded(self) -> bool:
        return bool(self.server.of("Action")[0]["status"]["phase"] == "Recorded")

    def is_frozen(self) -> bool:
        undo = self.undo()
        return undo is not None and undo.status.phase not in ("Proposed", "AwaitingApproval")

    # --------------------------------------------------------------------------------- how it ends

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        self.drain()
        self.everything_holds()
        (action,) = self.server.of("Action")
        assert action["status"]["phase"] == "Recorded"
        undo = self.undo()
        assert undo is not None
        completed = undo.status.phase == "Completed"
        if completed:
            assert self.target.effects[identity.idempotency_key(undo)] == 1
            assert len(self.server.of("Receipt")) == 2
        else:
            stalled = any(one.type == "Stalled" for one in undo.status.conditions)
            assert undo.status.phase == "Cancelled" or stalled or undo.spec.suspend, undo.status
            assert len(self.server.of("Receipt")) == 1
        (letter,) = self.server.of("DeadLetter")
        assert (letter["status"]["phase"] == "LinkedToCompensation") == completed
        if undo.status.phase in TERMINAL:
            assert all(one["status"].get("settled") for one in self.server.of("Approval"))

    def drain(self) -> None:
        """Everybody dies; one new holder goes on alone, and the target does its work."""
        for name in list(self.holders):
            self.power_fails(name)
        for work in self.in_flight:
            self.target.apply(work.idempotency_key)
        for _ in range(STEPS):
            if not self.step_of_the_last():
                return
        raise AssertionError("it does not end")

    def step_of_the_last(self) -> bool:
        """One round over everything; False when nothing moves any more, however late it gets."""
        version = self.server.version
        holder = self.holder("last")
        pauses = [self.look("last", key) for key in self.keys()]
        worked = bool(holder.executions.works)
        self.target_acts("applied")
        if self.server.version != version or worked:
            return True
        later = [pause for pause in pauses if pause is not None and pause > timedelta(0)]
        if timedelta(0) in pauses:
            return True
        if later:
            self.server.time.at += max(min(later), CLAIM)
        return bool(later)


TestAnySchedule = AnySchedule.TestCase
TestAnySchedule.settings = settings(
    max_examples=800,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
