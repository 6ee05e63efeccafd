"""The order of lists, over a server that answers by name and knows periods."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amends.api.resource import CREATED, TENANT
from amends.cli.asked import ledger
from amends.cli.asked.ledger import Place
from amends.core import period
from amends.core.period import period_of

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
HEADS = ("Name", TENANT.name, CREATED.name)


@dataclass(frozen=True)
class Stored:
    """One object. period: what the operator wrote, None if nothing yet."""

    created: datetime
    namespace: str
    name: str
    period: str | None

    @property
    def place(self) -> Place:
        return Place(f"{self.created:%Y-%m-%dT%H:%M:%SZ}", self.namespace, self.name)


@dataclass
class Server:
    """Answers as the API server does, and counts the rows that it had to make."""

    objects: Sequence[Stored]
    period: str = "status.period"
    made: int = 0
    selectors: list[str] = field(default_factory=list)

    def first(self, rows: int) -> ledger.Table:
        by_name = sorted(self.objects, key=lambda one: (one.namespace, one.name))
        more = {"continue": "token"} if len(by_name) > rows else {}
        return {**self._table(by_name[:rows]), "metadata": more}

    def whole(self, selectors: Sequence[str]) -> Sequence[ledger.Table]:
        self.selectors += selectors
        return [
            self._table([one for one in self.objects if self._matches(one, selector)])
            for selector in selectors
        ]

    def now(self) -> datetime:
        return NOW

    def _matches(self, one: Stored, selector: str) -> bool:
        def holds(clause: str) -> bool:
            field, differs, value = clause.partition("!=")
            if not differs:
                field, _, value = clause.partition("=")
            assert field == self.period
            return ((one.period or "") != value) == bool(differs)

        return all(holds(clause) for clause in selector.split(","))

    def _table(self, rows: Sequence[Stored]) -> Any:
        self.made += len(rows)
        cells = [{"cells": [one.name, one.namespace, one.place.created]} for one in rows]
        return {"columnDefinitions": [{"name": head} for head in HEADS], "rows": cells}


def stored(ago: timedelta, number: int, *, filed: bool = True) -> Stored:
    created = (NOW - ago).replace(microsecond=0)
    # Names say nothing about time.
    name = f"n-{number * 7919 % 100_003:06}"
    return Stored(created, f"tenant-{number % 2}", name, period_of(created) if filed else None)


def in_order(objects: Sequence[Stored]) -> list[Place]:
    by_name = sorted(objects, key=lambda one: (one.namespace, one.name))
    return [one.place for one in sorted(by_name, key=lambda one: one.created, reverse=True)]


def places(page: ledger.Page) -> list[Place]:
    return [row.place for row in page.rows]


def test_few_rows_take_one_request() -> None:
    objects = [stored(timedelta(days=n), n) for n in range(20)]
    server = Server(objects)

    page = ledger.newest(server, 10)

    assert places(page) == in_order(objects)[:10]
    assert (server.selectors, server.made) == ([], 20)


def test_of_many_rows_only_the_newest_are_made() -> None:
    objects = [stored(timedelta(minutes=n), n) for n in range(20_000)]
    server = Server(objects)

    page = ledger.newest(server, 250)

    assert places(page) == in_order(objects)[:250]
    assert server.selectors == [
        *("status.period=", "status.period=2026-01-31T08"),
        *("status.period=2026-01-31T04", "status.period=2026-01-31T00"),
    ]
    assert server.made < ledger.FEW_ROWS + 600


def test_what_the_operator_has_not_seen_yet_stands_in_its_place() -> None:
    objects = [stored(timedelta(seconds=n), n, filed=n % 50 != 0) for n in range(4_000)]

    page = ledger.newest(Server(objects), 250)

    assert places(page) == in_order(objects)[:250]


def test_where_nothing_is_new_the_old_is_found_all_the_same() -> None:
    objects = [stored(timedelta(days=40, minutes=n), n) for n in range(3_000)]
    server = Server(objects)

    page = ledger.newest(server, 250)

    assert places(page) == in_order(objects)[:250]
    assert server.selectors[-1].startswith("status.period!=,status.period!=2026-01-31T08,")


def test_a_cursor_begins_at_its_own_period() -> None:
    objects = [stored(timedelta(minutes=n), n) for n in range(20_000)]
    place = in_order(objects)[10_000]
    server = Server(objects)

    page = ledger.newest(server, 100, place)

    assert places(page) == in_order(objects)[10_001:10_101]
    assert server.selectors[1] == f"status.period={period_of(place.time)}"


@pytest.mark.parametrize(
    ("clock", "ago"),
    [
        pytest.param(timedelta(seconds=-299), timedelta(minutes=88), id="behind"),
        pytest.param(timedelta(seconds=299), timedelta(minutes=92), id="ahead"),
    ],
)
def test_what_the_operators_clock_filed_in_a_neighbour_period_stands_in_its_place(
    clock: timedelta, ago: timedelta
) -> None:
    """The period changed 90 minutes ago; the page lies around that moment, and ends right after."""
    objects = [stored(timedelta(seconds=20 * n), n) for n in range(4_000)]
    astray = replace(stored(ago, 4_000), period=period_of(NOW - ago + clock))
    assert astray.period != period_of(astray.created)
    order = in_order([*objects, astray])
    first, limit = order.index(astray.place), 3

    page = ledger.newest(Server([*objects, astray]), limit, order[first - 1])

    assert places(page) == order[first : first + limit]


def ages() -> st.SearchStrategy[timedelta]:
    """Of the last six days; every other one so near to a change of periods that clocks decide."""
    anywhen = st.integers(0, 6 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
    last_change = NOW - period.start(period_of(NOW))
    near_a_change = st.builds(
        lambda periods, seconds: last_change + timedelta(hours=4 * periods, seconds=seconds),
        st.integers(0, 5),
        st.integers(-299, 299),
    )
    return st.one_of(anywhen, near_a_change)


@given(
    ages=st.lists(ages(), min_size=0, max_size=60),
    unfiled=st.sets(st.integers(0, 59)),
    drift=st.lists(st.integers(-299, 299), min_size=60, max_size=60),
    limit=st.integers(1, 20),
    few=st.integers(1, 40),
)
@settings(max_examples=300, deadline=None)
def test_pages_together_are_everything_in_order_whatever_the_clocks_say(
    ages: list[timedelta], unfiled: set[int], drift: list[int], limit: int, few: int
) -> None:
    objects = [
        Stored(
            one.created,
            one.namespace,
            one.name,
            None if n in unfiled else period_of(one.created + timedelta(seconds=drift[n])),
        )
        for n, one in enumerate(stored(age, n) for n, age in enumerate(ages))
    ]
    seen: list[Place] = []
    after: Place | None = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "FEW_ROWS", few)
        while True:
            page = ledger.newest(Server(objects), limit, after)
            seen += places(page)
            if (after := page.cursor) is None:
                break

    assert seen == in_order(objects)


def test_a_table_without_the_columns_of_the_order_is_an_older_crd() -> None:
    class Old(Server):
        def _table(self, rows: Sequence[Stored]) -> Any:
            return {"columnDefinitions": [{"name": "Name"}], "rows": []}

    with pytest.raises(ledger.OldCrds):
        ledger.newest(Old([]), 1)
