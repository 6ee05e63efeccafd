"""The guard says at any time whether the policies are enforced, from looks that may go wrong."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from amends.admission.standing import REPAIR
from amends.core.enforcement import Enforcement
from amends.ports import Fault, Rejected, Standing, Waiting
from amends.runtime.guard import EVERY, NOT_LOOKED, SOON, TAKEN_IN, TAKING_IN, Guard
from amends.runtime.metrics import POLICIES_ENFORCED, Metrics

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MORNING = NOON - timedelta(hours=3)
STANDING_SINCE = MORNING + TAKING_IN
MISSING = "ValidatingAdmissionPolicy amends-prove-actor is missing"
OFF = "the API server holds them and does not obey"


@dataclass
class Server:
    """Holds the policies, tells the time, and does what the test says."""

    time: datetime = NOON
    gaps: list[str] = field(default_factory=list)
    changed: datetime | None = MORNING
    fault: Fault | None = None
    refusal: str | None = None
    tries: int = 0

    def now(self) -> datetime:
        return self.time

    async def standing(self) -> Standing:
        if self.fault is not None:
            raise self.fault
        return Standing(self.gaps, self.changed, self.time)

    async def disobeyed(self) -> str | None:
        self.tries += 1
        return self.refusal


class Watched:
    """A guard, and how often it has said that something moved."""

    def __init__(self) -> None:
        self.server, self.metrics, self.moves = Server(), Metrics(), 0
        self.guard = Guard(self.server, self.server, self.metrics)

    def _moved(self) -> None:
        self.moves += 1

    async def look(self, after: float = 0) -> Enforcement:
        self.server.time += timedelta(seconds=after)
        self.pause = await self.guard.look(self._moved)
        return self.guard.enforcement()

    @property
    def metric(self) -> float:
        return self.metrics.value(POLICIES_ENFORCED)


async def test_before_the_first_look_nothing_is_enforced() -> None:
    watched = Watched()

    assert watched.guard.enforcement() == Enforcement(NOT_LOOKED)
    assert (watched.metric, watched.guard.looked.is_set()) == (0, False)


async def test_policies_that_stand_are_enforced_since_the_server_took_in_their_last_change() -> (
    None
):
    watched = Watched()

    assert await watched.look() == Enforcement(since=STANDING_SINCE)
    assert (watched.metric, watched.moves, watched.pause) == (1, 1, EVERY)
    assert watched.guard.looked.is_set()


async def test_one_that_is_missing_is_named_with_what_to_do() -> None:
    watched = Watched()
    await watched.look()
    watched.server.gaps = [MISSING]

    assert await watched.look(1) == Enforcement(f"{MISSING}: {REPAIR}")
    assert (watched.metric, watched.moves) == (0, 2)


async def test_only_news_makes_objects_be_looked_at() -> None:
    watched = Watched()
    watched.server.gaps = [MISSING]
    for _ in range(3):
        await watched.look(10)

    assert watched.moves == 1


async def test_what_came_back_is_waited_for_until_the_server_obeys_it() -> None:
    watched = Watched()
    watched.server.gaps = [MISSING]
    await watched.look()
    watched.server.gaps, watched.server.changed = [], watched.server.time

    assert await watched.look(1) == Enforcement(TAKEN_IN)
    assert watched.pause == SOON
    assert await watched.look(2) == Enforcement(since=NOON + TAKING_IN)
    assert watched.metric == 1


async def test_a_change_that_was_taken_back_between_two_looks_leaves_its_trace() -> None:
    watched = Watched()
    await watched.look()
    watched.server.changed = watched.server.time + timedelta(seconds=1)

    assert await watched.look(2) == Enforcement(TAKEN_IN)
    assert await watched.look(5) == Enforcement(since=NOON + timedelta(seconds=1) + TAKING_IN)


async def test_a_server_that_does_not_obey_is_found_out() -> None:
    watched = Watched()
    watched.server.refusal = OFF

    assert await watched.look() == Enforcement(OFF)
    watched.server.refusal = None
    assert await watched.look(2) == Enforcement(TAKEN_IN)
    assert await watched.look(2) == Enforcement(since=NOON + TAKING_IN), "not since the morning"


async def test_the_server_is_tried_once_a_minute_and_after_every_change() -> None:
    watched = Watched()
    for _ in range(6):
        await watched.look(10)
    assert watched.server.tries == 1
    await watched.look(10)
    assert watched.server.tries == 2
    watched.server.changed = watched.server.time
    await watched.look(10)
    assert watched.server.tries == 3


async def test_an_operator_that_may_not_look_says_so_at_once() -> None:
    watched = Watched()
    await watched.look()
    watched.server.fault = Rejected("GET /policies: 403 forbidden")

    found = await watched.look(1)

    assert found == Enforcement("the operator cannot look at them: GET /policies: 403 forbidden")
    assert watched.metric == 0


async def test_a_server_that_does_not_answer_is_believed_for_half_a_minute() -> None:
    watched = Watched()
    before = await watched.look()
    watched.server.fault = Waiting("GET /policies: 503")

    assert await watched.look(29) == before
    assert watched.pause == SOON
    assert await watched.look(2) == Enforcement("the operator has not seen them for 30 s")
    watched.server.fault = None
    assert await watched.look(1) == before, "nothing was changed meanwhile"


async def test_without_any_time_on_the_policies_nothing_is_doubted() -> None:
    watched = Watched()
    watched.server.changed = None

    assert await watched.look() == Enforcement()


def test_a_statement_is_proved_if_it_was_made_since_then() -> None:
    enforced = Enforcement(since=NOON)

    assert enforced.doubt(NOON) is None
    assert enforced.doubt(NOON - timedelta(seconds=1)) == (
        "it was created at 2026-01-31T11:59:59.000Z, but the server has proved who makes a "
        "statement only since 2026-01-31T12:00:00.000Z, when its admission policies had last "
        "changed: create it again"
    )
    assert enforced.doubt(None) is not None
    assert replace(enforced, since=None).doubt(None) is None
