"""`amends policies`: the admission policies, as the chart packages them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from amends.admission import policy_files
from amends.cli.crds import write_folder

Folder = Annotated[
    Path | None,
    typer.Option("--write", metavar="DIR", help="Write every file there, and remove old ones."),
]


def policies(write: Folder = None) -> None:
    """Print the admission policies, or write them into a folder."""
    if write is None:
        sys.stdout.write("---\n".join(policy_files().values()))
    else:
        write_folder(write, policy_files(), old="*.yaml")
