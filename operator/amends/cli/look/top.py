"""`top`: what waits for people now, in every namespace that the user may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live

from amends.cli.asked import options
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.look import desk
from amends.cli.look.desk import WAITING, Waiting
from amends.cli.shown import render
from amends.cli.shown.failures import Exit, Failure
from amends.ports import Raw
from amends.runtime.clock import SystemClock

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Keep it current, until Ctrl-C.")]
Every = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="With --watch: how often it looks.")
]


def top(
    watch: Watch = False,
    every: Every = 3.0,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Show what waits for people now, oldest first.

    Looks in every namespace that you may see; with -n in one.

    Examples:

        kubectl amends top
        kubectl amends top --watch -n tenant-a
    """
    where = Where(namespace, namespace is None, context, kubeconfig)
    with Session.open(where) as session:
        view = _View(session, namespace)
        if not watch:
            render.show(*view.look())
            return
        try:
            _follow(session, view, every)
        except KeyboardInterrupt:  # how it is meant to end
            return


def _follow(session: Session, view: "_View", every: float) -> None:
    first = view.look()
    console = render.console()
    if not console.is_terminal:
        render.show(*first)
        while True:
            session.pause(every)
            if (news := view.look_again()) is not None:
                typer.echo()
                render.show(*news)
    with Live(Group(*first), console=console, screen=True, auto_refresh=False) as live:
        while True:
            session.pause(every)
            live.update(Group(*(view.look_again() or ())), refresh=True)


@dataclass
class _View:
    """What is seen, and what was seen last. only: the one namespace that was asked for."""

    session: Session
    only: str | None

    def __post_init__(self) -> None:
        self._spaces: Sequence[str | None] = (self.only,)
        self._notes: list[str] = []
        self._seen: list[Waiting] | None = None
        self._where = f"in namespace {self.only}" if self.only else "in all namespaces"

    def look(self) -> list[RenderableType]:
        """What waits now."""
        now = SystemClock().now()
        rows = desk.waiting(self._found(), self.session.flags, now)
        self._seen = rows
        return desk.drawn(rows, now, self._where, self._notes)

    def look_again(self) -> list[RenderableType] | None:
        """The same later. None off a terminal, while nothing has changed."""
        before, now = self._seen, SystemClock().now()
        try:
            shown = self.look()
        except Failure as failure:
            if failure.code is not Exit.NO_CONNECTION:
                raise
            notes = [*self._notes, f"Not current: {failure.text}"]
            return desk.drawn(before or [], now, self._where, notes)
        return shown if render.console().is_terminal or self._seen != before else None

    def _found(self) -> list[Raw]:
        try:
            return [raw for space in self._spaces for raw in self._waiting_in(space)]
        except Failure as failure:
            if failure.code is not Exit.FORBIDDEN or self._spaces != (None,):
                raise
        self._narrow()
        return self._found()

    def _waiting_in(self, space: str | None) -> list[Raw]:
        return [
            raw
            for kind, selectors in WAITING.items()
            for selector in selectors
            for raw in self.session.select(kind, selector, space)
        ]

    def _narrow(self) -> None:
        """To the namespaces where the user may list: not all of them."""
        home = self.session.home
        names = self.session.namespaces() or [home]
        self._spaces = tuple(name for name in names if self._is_visible(name)) or (home,)
        if self._spaces == (home,) and not self._is_visible(home):
            raise Failure(
                f"you may list what waits neither in all namespaces nor in {home}",
                f"name a namespace that is yours: kubectl amends top -n NAME{self.session.flags}",
                code=Exit.FORBIDDEN,
            )
        listed = ", ".join(str(name) for name in self._spaces)
        self._where = f"in {'namespaces' if len(self._spaces) > 1 else 'namespace'} {listed}"
        self._notes.append(
            "You may not list in all namespaces, so this is not all there is: -n NAME for another"
        )

    def _is_visible(self, name: str) -> bool:
        try:
            self.session.page("DeadLetter", "", name, limit=1)
        except Failure as failure:
            if failure.code is not Exit.FORBIDDEN:
                raise
            return False
        return True
