"""Between the person and a change: what will happen is shown, then asked, then done.

What is shown and asked goes to standard error, so that standard output is only the result.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import RenderableType

from amends.api import GROUP
from amends.cli.shown import render
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.render import Format
from amends.ports import Raw


class DryRun(StrEnum):
    """How far a change goes that is only tried."""

    CLIENT = "client"
    SERVER = "server"


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Dry = Annotated[
    DryRun | None,
    typer.Option(
        "--dry-run",
        help="client: send nothing; with -o yaml the object is for Git, and names no uid: the plan "
        "digest says which plan is meant. server: have the server judge it and store nothing.",
    ),
]


@dataclass(frozen=True)
class Manner:
    """How a change is made."""

    yes: bool = False
    dry_run: DryRun | None = None
    output: Format = Format.TABLE

    @property
    def is_real(self) -> bool:
        """Whether anything is stored in the end."""
        return self.dry_run is None


def show(screen: RenderableType) -> None:
    """Show what will happen."""
    render.show(screen, err=True)


def required(reason: str | None, option: str, why: str) -> str:
    """The reason that was given, else the one that the person types.

    Raises:
        Failure: there is none, and nobody to ask.
    """
    if reason is not None and reason.strip():
        return reason
    if not sys.stdin.isatty():
        raise Failure(f"{option} is missing: {why}", f'add {option} "…"', code=Exit.USAGE)
    answer = ""
    while not answer.strip():
        with _or_declined("nothing was created"):
            answer = typer.prompt("Reason (it stays in the record)", err=True)
    return answer


def confirm(question: str, *, yes: bool, undone: str) -> None:
    """Ask, unless --yes.

    Raises:
        Failure: the answer is no, or there is nobody to ask. undone: what did not happen.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failure(
            f"{undone}: there is no terminal to ask on",
            "look at what is shown above, then repeat the command with --yes",
            code=Exit.DECLINED,
        )
    with _or_declined(undone):
        if not typer.confirm(question, err=True):
            raise Failure(undone, code=Exit.DECLINED)


@contextmanager
def _or_declined(undone: str) -> Iterator[None]:
    """Ctrl-C and Ctrl-D are answers too."""
    try:
        yield
    except typer.Abort as why:
        typer.echo(err=True)
        raise Failure(undone, code=Exit.DECLINED) from why


def report(raw: Raw, done: str, manner: Manner) -> None:
    """The result, on standard output: a line, or the object."""
    kind, name = str(raw["kind"]), raw["metadata"].get("name", "")
    called = f"{kind.lower()}.{GROUP}/{name or raw['metadata'].get('generateName', '')}"
    match manner.output:
        case Format.TABLE | Format.WIDE:
            dry = f" ({manner.dry_run} dry run)" if manner.dry_run is not None else ""
            typer.echo(f"{called} {done}{dry}")
        case Format.NAME:
            typer.echo(called)
        case Format.JSON | Format.YAML if manner.dry_run is DryRun.CLIENT:
            render.document(raw, manner.output)  # whole: it is to be applied
        case Format.JSON | Format.YAML:
            render.document(render.public(raw), manner.output)
