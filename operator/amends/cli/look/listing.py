"""`list`: objects of a kind, newest first, a page at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from amends.api import GROUP
from amends.api.resource import TENANT
from amends.cli.asked import ledger, options
from amends.cli.asked.completion import complete_kinds, complete_phases, complete_runs
from amends.cli.asked.filters import EVERYTHING, Filters
from amends.cli.asked.ledger import Page, Place
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.look.tables import ServerTables
from amends.cli.shown import kinds, render
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.preview import plain
from amends.cli.shown.render import Column, Format
from amends.ports import Raw

DEFAULT_LIMIT, HIGHEST_LIMIT = 250, 1000
NAMESPACE = "Namespace"

Listed = Annotated[
    str,
    typer.Argument(
        metavar="KIND",
        help=f"{', '.join(kinds.LISTED)}.",
        autocompletion=complete_kinds,
    ),
]
Run = Annotated[
    str | None,
    typer.Option(metavar="RUN", help="Only what belongs to a run.", autocompletion=complete_runs),
]
Phase = Annotated[
    str,
    typer.Option(
        metavar="PHASE",
        help="Only what is in a phase (of actions also: with an outcome). `all`: whatever phase.",
        autocompletion=complete_phases,
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE",
        help="Actions: who acted, KIND or KIND/ID, as in agent/writer. Receipts and dead letters: "
        "tool_effect or compensation.",
    ),
]
Active = Annotated[
    bool,
    typer.Option(
        "--active",
        help="Only recovery that may still be needed: nothing superseded, no compensation that is "
        "completed or cancelled.",
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=HIGHEST_LIMIT, help="How many at most.")]
Cursor = Annotated[
    str | None,
    typer.Option(
        metavar="PLACE", help="Go on behind a place: the last line of the page before names it."
    ),
]


def list_(
    kind: Listed,
    run: Run = None,
    phase: Phase = EVERYTHING,
    source: Source = None,
    active: Active = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    namespace: options.Namespace = None,
    all_namespaces: options.AllNamespaces = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """List what there is, newest first.

    Filters apply before the limit. The last line of a page says how to get the next one.

    Examples:

        kubectl amends list dead-letters --phase open -n tenant-a
        kubectl amends list compensations --run run-17 --active -o wide
    """
    wanted = kinds.kind_of(kind)
    filters = Filters(run, phase, source, active)
    selector, after = filters.selector(wanted), _place(cursor)
    with Session.open(Where(namespace, all_namespaces, context, kubeconfig)) as session:
        try:
            page = ledger.newest(ServerTables(session, wanted, selector), limit, after)
        except ledger.OldCrds as why:
            raise Failure(
                f"the CRDs of this cluster are older than this kubectl-amends: {why}",
                "renew them: kubectl apply --server-side -f crds/",
                code=Exit.NO_CONNECTION,
            ) from why
        match output:
            case Format.TABLE | Format.WIDE:
                if page.rows:
                    _show(page, everywhere=session.namespace is None, wide=output is Format.WIDE)
                else:
                    typer.echo(_nothing(session, wanted, filters, after), err=True)
            case Format.NAME:
                for row in page.rows:
                    typer.echo(f"{wanted.lower()}.{GROUP}/{row.name}")
                _say_how_to_go_on(page)
            case Format.JSON | Format.YAML:
                render.objects(_whole(session, wanted, page), output, str(page.cursor or ""))


def _place(cursor: str | None) -> Place | None:
    try:
        return ledger.place(cursor) if cursor is not None else None
    except ValueError as why:
        raise typer.BadParameter(
            f"--cursor {cursor} is no place: take it from the last line of the page before"
        ) from why


def _whole(session: Session, kind: str, page: Page) -> list[Raw]:
    """The objects of the page; one that is gone meanwhile is left out."""
    return session.get_all(kind, [(row.namespace, row.name) for row in page.rows])


def _show(page: Page, *, everywhere: bool, wide: bool) -> None:
    columns = [
        Column(head, [_cell(row.cells[number]) for row in page.rows])
        for head, number in _columns(page.columns, everywhere=everywhere)
        if wide or not page.columns[number]["priority"] or head == NAMESPACE
    ]
    # The phase, or what stands for it, is the first column after the name.
    always = {NAMESPACE, "Name", "Age", page.columns[1]["name"]}
    shown = columns if wide else render.fitting(columns, always)
    render.show(*render.table(shown))
    if left_out := [column.head.upper() for column in columns if column not in shown]:
        typer.echo(f"no room for {', '.join(left_out)}: see -o wide", err=True)
    _say_how_to_go_on(page)


def _say_how_to_go_on(page: Page) -> None:
    if page.cursor is not None:
        typer.echo(f"{len(page.rows)} shown; the next ones: --cursor {page.cursor}", err=True)


def _columns(
    columns: Sequence[Mapping[str, Any]], *, everywhere: bool
) -> Iterator[tuple[str, int]]:
    """Head and number of each column: the server's, in the order of `kubectl get`."""
    numbers = {column["name"]: number for number, column in enumerate(columns)}
    tenant = numbers.pop(TENANT.name)
    if everywhere:
        yield NAMESPACE, tenant
    yield from numbers.items()


def _cell(value: object) -> str:
    return "" if value is None else plain(str(value)).replace("\n", " ")


def _nothing(session: Session, kind: str, filters: Filters, after: Place | None) -> str:
    where = f"in namespace {session.namespace}" if session.namespace else "in any namespace"
    what = " ".join(word for word in (kinds.spoken(kind) + "s", str(filters)) if word)
    return f"No more {what} {where}." if after is not None else f"No {what} {where}."
