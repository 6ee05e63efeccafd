"""A schedule: people, holders, faults and time in any order; what every step of one may use."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from amends.api import Compensation
from amends.core.key import Key
from amends.core.outcome import NotApplied, Unknown
from amends.core.records.digest import plan_digest
from amends.kube.cache import OPEN_WORK
from amends.ports import Fault, Work
from chaos.at_rest import AT_THE_END
from chaos.invariants import everything_holds
from chaos.small_server import NAMESPACE, SmallServer, SmallTarget
from chaos.small_world import CLAIM, Holder, PowerLost, Trouble

KEY = "run-a/post"
STEPS = 4000
"""More than any drained world needs; a world that takes more never ends."""
IDLE = 2 * CLAIM
"""Nothing has changed for so long: who still looks again waits for a person."""
AT_LEAST = timedelta(seconds=5)
"""Who asks to look again sooner has to wait: it makes the search shorter."""


class Schedule(RuleBasedStateMachine):
    """One effect, several Actions that report it, its dead letters and its undos."""

    def set_up(self, *, honours_keys: bool) -> None:
        self.server = SmallServer()
        self.target = SmallTarget(honours_keys)
        self.http = {
            "method": "POST",
            "url": "https://board/",
            "retrySafety": "ProviderKey" if honours_keys else "None",
        }
        self.holders: dict[str, Holder] = {}
        self.in_flight: list[Work] = []
        self.born = 0

    # ------------------------------------------------------------------------------ the operator

    def keys(self, *kinds: str) -> list[Key]:
        """Everything that may be looked at."""
        of_kind = kinds or tuple(OPEN_WORK)
        return sorted(key for key in self.server.objects if key.kind in of_kind)

    def holder(self, name: str) -> Holder:
        """The process of that name, begun anew if it is dead."""
        if name not in self.holders:
            self.born += 1
            self.holders[name] = Holder(self.server, f"{name}-{self.born}")
        return self.holders[name]

    def alive(self, name: str, do: Callable[[Holder], object]) -> None:
        """Let a holder do something; it may not survive it. Then everything holds."""
        try:
            do(self.holder(name))
        except PowerLost:
            self.dies(name)
        except Fault:
            pass
        self.everything_holds()

    def look(self, name: str, key: Key, trouble: Trouble | None = None) -> None:
        """One pass over one object."""
        self.alive(name, lambda holder: holder.look(key, trouble or Trouble()))

    def dies(self, name: str) -> None:
        """What it had sent is still on its way."""
        if (dead := self.holders.pop(name, None)) is not None:
            self.in_flight += [*dead.executions.sent, *dead.executions.works.values()]

    def everything_holds(self) -> None:
        works = [
            work for holder in self.holders.values() for work in holder.executions.works.items()
        ]
        everything_holds(self.server, self.target, works)

    # -------------------------------------------------------------------------------- the target

    def at_work(self) -> list[tuple[Holder, Key]]:
        """Who waits for an answer of the target."""
        return [
            (holder, key)
            for holder in self.holders.values()
            for key in sorted(holder.executions.works)
        ]

    def answer(self, holder: Holder, key: Key, answer: str) -> None:
        """The target answers one request."""
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

    # ------------------------------------------------------------------------------------- people

    def picked(self, pick: int, kind: str, *but: str) -> Key | None:
        """One of a kind that is in none of these phases."""
        found = [
            key
            for key in self.keys(kind)
            if self.server.objects[key]["status"].get("phase") not in but
        ]
        return one_of(found, pick) if found else None

    def make(self, kind: str, spec: dict[str, Any]) -> None:
        """A person or an automation creates an object."""
        self.server.create(kind, f"{kind.lower()}-{len(self.server.of(kind)) + 1}", spec)

    def digest_of(self, key: Key) -> str:
        """What an approver approves now."""
        undo = Compensation.read(self.server.objects[key])
        return plan_digest(NAMESPACE, key.name, undo.spec)

    # ------------------------------------------------------------------------------- how it ends

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        self.drain()
        for check in AT_THE_END:
            check(self.server, self.target)

    def drain(self) -> None:
        """Everybody dies; one new holder goes on alone, and the target does its work."""
        for name in list(self.holders):
            self.dies(name)
        for work in self.in_flight:
            self.target.apply(work.idempotency_key)
        last, version, since = self.holder("last"), self.server.version, self.server.time.at
        for _ in range(STEPS):
            busy = last.work() or last.hears()
            self.everything_holds()
            for holder, key in self.at_work():
                self.answer(holder, key, "applied")
            if busy or last.queue.waiting:
                continue
            if self.server.version != version:
                version, since = self.server.version, self.server.time.at
            due = min(last.queue.due.values(), default=None)
            if due is None or self.server.time.at - since > IDLE:
                return
            self.server.time.at = max(due, self.server.time.at + AT_LEAST)
        moved = sorted({str(written.key) for written in self.server.log[-20:]})
        raise AssertionError(f"it does not end; moved last: {moved}, due: {last.queue.due}")


def one_of(keys: list[Key], pick: int) -> Key:
    """The one that is picked, however many there are."""
    return keys[pick % len(keys)]
