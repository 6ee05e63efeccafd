"""The newest objects of a kind, in a strict order, out of a server that lists by name only.

The server is asked for its table of everything that matches (`as=Table`, without the objects: some
300 bytes a row), from which the newest are kept. That is the whole cost of the order; docs/cli.md
has it in numbers. A cursor is a place in the order, not a snapshot: the next page is what stands
behind it, however much was created, changed or deleted meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from amends.api.resource import CREATED, TENANT

ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io"
ROWS_A_REQUEST = 50_000
"""One answer of the server: about 15 MB."""

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
    """Rows, newest first. total: how many match in all. behind: how many stand behind the page."""

    columns: Sequence[Mapping[str, Any]] = ()
    rows: Sequence[Row] = ()
    total: int = 0
    behind: int = 0

    @property
    def cursor(self) -> Place | None:
        """Where to go on; None at the end."""
        return self.rows[-1].place if self.behind else None


def place(cursor: str) -> Place:
    """The place that a cursor names.

    Raises:
        ValueError: it names none.
    """
    created, namespace, name = cursor.split("/")
    if not (created.endswith("Z") and "T" in created and namespace and name):
        raise ValueError(cursor)
    return Place(created, namespace, name)


def newest(tables: Iterable[Table], limit: int, after: Place | None = None) -> Page:
    """The first rows behind a place, out of all that the server has.

    Raises:
        OldCrds: the order cannot be seen.
    """
    page = Page()
    for table in tables:
        columns = page.columns or table["columnDefinitions"]
        rows = _rows(table["rows"], columns)
        total = page.total + len(rows)
        if after is not None:
            rows = [row for row in rows if after.is_before(row.place)]
        behind = page.behind + len(page.rows) + len(rows)
        rows = _in_order([*page.rows, *rows])[:limit]
        page = Page(columns, rows, total, behind - len(rows))
    return page


def _in_order(rows: list[Row]) -> list[Row]:
    # Sorting is stable, and quick with plain keys: first the second criterion, then the first.
    rows.sort(key=attrgetter("namespace", "name"))
    rows.sort(key=attrgetter("created"), reverse=True)
    return rows


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
