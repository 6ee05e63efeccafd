"""The newest objects of a kind, in a strict order, out of a server that lists by name only.

Where few match, the server's table of all of them is sorted. Where many do, it is asked period by
period, from now backwards, and what has no period yet besides: the operator writes an object's
period, the four hours of its creation, where a field selector finds it. So what is old costs
nothing. docs/cli.md has it in numbers. A cursor is a place in the order, not a snapshot: the next
page is what stands behind it, however much was created, changed or deleted meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from amends.api.resource import CREATED, TENANT
from amends.core import period

ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io"
FEW_ROWS = 2_500
"""What the server makes in about the time in which it looks through 50,000 objects."""
ALL_ROWS = 50_000
"""One answer of the server: about 15 MB."""
WAVES = (1, 2, 3, 4, 4, 4)
"""How many periods are asked for at once, one wave after the other: in all the last three days."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a period, by the operator's clock, may be off from a creation time, by the server's."""
WHOLE_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
"""How the server writes creation times. They sort as texts."""

Table = Mapping[str, Any]


class OldCrds(Exception):
    """The server's table lacks a column that the order needs."""


class Place(NamedTuple):
    """A place in the order: newest first, then by namespace and name.

    Creation times have whole seconds. Neither they nor names ever change, so a place stays one.
    """

    created: str
    namespace: str
    name: str

    @property
    def time(self) -> datetime:
        """The creation time."""
        return datetime.strptime(self.created, WHOLE_SECONDS).replace(tzinfo=UTC)

    def is_before(self, other: "Place") -> bool:
        """Whether the other one stands behind this one."""
        if self.created != other.created:
            return self.created > other.created
        return self[1:] < other[1:]

    def __str__(self) -> str:
        return "/".join(self)


class Row(NamedTuple):
    """One object, as the server's table shows it."""

    created: str
    namespace: str
    name: str
    cells: Sequence[Any]

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.created, self.namespace, self.name)


@dataclass(frozen=True)
class Page:
    """Rows, newest first. more: whether others stand behind them."""

    columns: Sequence[Mapping[str, Any]] = ()
    rows: Sequence[Row] = ()
    more: bool = False

    @property
    def cursor(self) -> Place | None:
        """Where to go on; None at the end."""
        return self.rows[-1].place if self.more else None


class Tables(Protocol):
    """What a server has of one kind, after the filters, as tables without the objects."""

    period: str
    """The selectable field that holds the period."""

    def first(self, rows: int) -> Table:
        """So many rows at most, by name; its metadata has `continue` if there are more."""

    def whole(self, selectors: Sequence[str]) -> Sequence[Table]:
        """Every row that matches one of these field selectors, asked for side by side."""

    def now(self) -> datetime:
        """The time by the server's clock."""


def place(cursor: str) -> Place:
    """The place that a cursor names.

    Raises:
        ValueError: it names none.
    """
    created, namespace, name = cursor.split("/")
    named = Place(created, namespace, name)
    if not (namespace and name):
        raise ValueError(cursor)
    return named._replace(created=f"{named.time:{WHOLE_SECONDS}}")


def newest(server: Tables, limit: int, after: Place | None = None) -> Page:
    """The first rows behind a place, out of all that the server has.

    Raises:
        OldCrds: the order cannot be seen.
    """
    first = server.first(FEW_ROWS)
    found = _Found(first["columnDefinitions"], limit, after)
    if not first["metadata"].get("continue"):
        found.add([first])
        return found.page()
    unfiled, asked = [f"{server.period}="], list[str]()
    latest = period.period_of((after.time if after else server.now()) + CLOCKS_DIFFER)
    for wave in _waves(latest):
        found.add(server.whole([*unfiled, *(f"{server.period}={one}" for one in wave)]))
        unfiled, asked = [], [*asked, *wave]
        if found.is_complete(down_to=period.start(asked[-1]) + CLOCKS_DIFFER):
            return found.page()
    found.add(server.whole([",".join(f"{server.period}!={one}" for one in ["", *asked])]))
    return found.page()


def _waves(latest: str) -> Iterator[list[str]]:
    for size in WAVES:
        wave = []
        for _ in range(size):
            wave.append(latest)
            latest = period.before(latest)
        yield wave


@dataclass
class _Found:
    """The first rows behind a place, of those that were seen, and one more if there is one."""

    columns: Sequence[Mapping[str, Any]]
    limit: int
    after: Place | None
    rows: list[Row] = field(default_factory=list)

    def add(self, tables: Iterable[Table]) -> None:
        rows = [row for table in tables for row in _rows(table["rows"], self.columns)]
        if self.after is not None:
            rows = [row for row in rows if self.after.is_before(row.place)]
        # Sorting is stable, and quick with plain keys: first the second criterion, then the first.
        rows = sorted([*self.rows, *rows], key=attrgetter("namespace", "name"))
        rows.sort(key=attrgetter("created"), reverse=True)
        self.rows = rows[: self.limit + 1]

    def is_complete(self, down_to: datetime) -> bool:
        """Whether nothing that was created before then, and so is unseen, belongs to the page."""
        seen = f"{down_to:{WHOLE_SECONDS}}"
        return len(self.rows) > self.limit and self.rows[-1].created >= seen

    def page(self) -> Page:
        return Page(self.columns, self.rows[: self.limit], len(self.rows) > self.limit)


def _rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]]) -> list[Row]:
    names = [column["name"] for column in columns]
    try:
        created, space, name = (names.index(one) for one in (CREATED.name, TENANT.name, "Name"))
    except ValueError as why:
        raise OldCrds(str(why)) from why
    return [
        Row(cells[created], cells[space], cells[name], cells)
        for cells in (row["cells"] for row in rows)
    ]
