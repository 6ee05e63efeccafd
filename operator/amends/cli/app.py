"""`kubectl amends`: every verb, and how a command ends."""

import sys
from typing import Annotated

import typer

from amends import __version__
from amends.cli.decide import approve, attest, dispose
from amends.cli.look import listing, showing, top, tree
from amends.cli.prove import evidence
from amends.cli.shown.failures import Failure
from amends.cli.steer import holding

app = typer.Typer(
    name="kubectl amends",
    help="Undo what automations did: look, decide, and see the proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LOOK, DECIDE, STEER, PROVE = "Look", "Decide", "Steer", "Prove"
"""Panels of `--help`."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kubectl-amends {__version__}")
        raise typer.Exit


# Verbs, in the order of --help. Each module has the functions; nothing else is registered here.
app.command("list", rich_help_panel=LOOK)(listing.list_)
app.command(rich_help_panel=LOOK)(showing.show)
app.command(rich_help_panel=LOOK)(tree.tree)
app.command(rich_help_panel=LOOK)(top.top)
app.command(rich_help_panel=DECIDE)(approve.approve)
app.command(rich_help_panel=DECIDE)(approve.reject)
app.command(rich_help_panel=DECIDE)(dispose.dispose)
app.command(rich_help_panel=DECIDE)(dispose.retry)
app.command(rich_help_panel=DECIDE)(attest.attest)
app.command(rich_help_panel=STEER)(holding.cancel)
app.command(rich_help_panel=STEER)(holding.suspend)
app.command(rich_help_panel=STEER)(holding.resume)
app.command(rich_help_panel=PROVE)(evidence.digest)
app.command(rich_help_panel=PROVE)(evidence.verify_receipt)


@app.callback()
def _amends(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the console script. The codes it ends with are `failures.Exit`."""
    try:
        app()
    except Failure as why:
        typer.echo(f"error: {why.text}", err=True)
        for hint in why.hints:
            typer.echo(f"  {hint}", err=True)
        sys.exit(why.code)


if __name__ == "__main__":
    main()
