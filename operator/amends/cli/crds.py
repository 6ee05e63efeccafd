"""`amends crds` and `amends diagrams`: what is generated from the types and the state machines."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from amends.api import GROUP
from amends.core.served.crds import custom_resource_definitions
from amends.core.served.diagrams import refreshed

_HEADER = """\
# Generated from operator/amends/api and operator/amends/core/machines.py. Do not edit:
# change those, then run `make crds`.
"""
_WIDTH = 96
_FOLD_FROM = 70

Folder = Annotated[
    Path | None,
    typer.Option("--write", metavar="DIR", help="Write one file per kind, and remove old ones."),
]
Document = Annotated[
    Path | None,
    typer.Option("--write", metavar="FILE", help="Make the diagrams of this document anew."),
]


def crds(write: Folder = None) -> None:
    """Print the CustomResourceDefinitions, or write them into a folder."""
    if write is None:
        sys.stdout.write("---\n".join(crd_files().values()))
        return
    write_folder(write, crd_files(), old=f"{GROUP}_*.yaml")


def diagrams(write: Document = None) -> None:
    """Print docs/machines.md with fresh diagrams, or write it."""
    document = write or Path("docs/machines.md")
    text = refreshed(document.read_text(encoding="utf-8"))
    if write is None:
        sys.stdout.write(text)
    else:
        write.write_text(text, encoding="utf-8")


def crd_files() -> dict[str, str]:
    """Text of every generated CRD file, by its name."""
    return {
        f"{GROUP}_{definition['spec']['names']['plural']}.yaml": _HEADER + _yaml(definition)
        for definition in custom_resource_definitions()
    }


def write_folder(folder: Path, files: Mapping[str, str], *, old: str) -> None:
    """Write these files; of the others, those whose names match `old` are from earlier, and go."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in sorted(set(folder.glob(old)) - {folder / name for name in files}):
        stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


class _Readable(yaml.SafeDumper):
    """Writes CEL and long sentences as folded blocks, which need no quotes inside."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    fold = len(text) > _FOLD_FROM or ("'" in text and " " in text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=">" if fold else None)


_Readable.add_representer(str, _text)


def _yaml(definition: dict[str, Any]) -> str:
    text: str = yaml.dump(
        definition, Dumper=_Readable, sort_keys=False, width=_WIDTH, allow_unicode=True
    )
    return text
