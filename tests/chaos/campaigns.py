"""The campaigns: each breaks the operator in its own way, and says which invariants held.

Without a name every campaign runs in its full form, one after the other. Exit status 1: something
did not hold.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from chaos import crash, faults, fleet, jobs, misoperations, soak
from chaos.figures import Figures, summary

CAMPAIGNS: dict[str, Callable[..., Figures]] = {
    "crash": crash.command,
    "faults": faults.command,
    "fleet": fleet.command,
    "jobs": jobs.command,
    "misoperations": misoperations.command,
    "soak": soak.command,
}
"""By their names. The defaults of a command's options are its full form; it returns what it found,
and neither prints it nor judges it."""


def finish(found: Figures | None, report: Path | None) -> None:
    """What a campaign that was named has found."""
    if found is not None:
        keep(found, report)
        raise typer.Exit(bool(found.broken))


app = typer.Typer(
    result_callback=finish, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
Report = Annotated[
    Path | None,
    typer.Option(dir_okay=False, help="Append the figures there, a line of JSON for a campaign."),
]


@app.callback(invoke_without_command=True)
def run(called: typer.Context, report: Report = None) -> None:
    """Every campaign, unless one of them is named."""
    if called.invoked_subcommand is not None:
        return
    found: list[Figures] = []
    for command in CAMPAIGNS.values():
        found.append(command())
        keep(found[-1], report)
    typer.echo("\n" + summary(found))
    raise typer.Exit(any(one.broken for one in found))


def keep(found: Figures, report: Path | None) -> None:
    """Print it, write it down if that is wanted, and keep its logs only if somebody needs them."""
    typer.echo(found.told())
    if report is not None:
        found.add_to(report)
    found.drop_logs()


for _name, _command in CAMPAIGNS.items():
    app.command(_name)(_command)
