"""Prints objects: as a table for people, as json or yaml for programs. Secrets stay hidden."""

import json
import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import typer
import yaml
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from amends.api import GROUP
from amends.cli.shown import headers
from amends.core.records.redaction import redact, redact_text
from amends.ports import Raw

PIPED_WIDTH = 10_000
"""Tables that go to a program are never folded."""
TEXT_WIDTH = 100
"""Stories that go to a file read better in lines of this length."""

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, where PyYAML was built with it."""

GAP = 2
LONGEST_VALUE = 400

FREE_FORM = frozenset({"input", "receipt", "payload", "body", "evidence"})
"""Fields that hold what a caller put there."""

GOOD, BAD, ASKS, QUIET = "green", "red", "yellow", "dim"
STYLES = {
    "Open": ASKS,
    "AwaitingApproval": ASKS,
    "RetryRequested": "cyan",
    "Retrying": "cyan",
    "Proposed": "cyan",
    "Approved": "cyan",
    "Running": "cyan",
    "Pending": "cyan",
    "Failed": BAD,
    "Unknown": BAD,
    "Reject": BAD,
    "Completed": GOOD,
    "Resolved": GOOD,
    "Succeeded": GOOD,
    "Approve": GOOD,
    "Cancelled": QUIET,
    "Ignored": QUIET,
}
"""Colours by word; a word never says less without its colour."""


class Format(StrEnum):
    """How objects are printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def console(piped: int = TEXT_WIDTH, *, err: bool = False) -> Console:
    """Standard output or error: as wide as it or $COLUMNS, coloured on a terminal only."""
    made = Console(stderr=err, highlight=False, markup=False, emoji=False)
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdecimal():
        made.width = piped
    return made


def show(*parts: RenderableType, piped: int = TEXT_WIDTH, err: bool = False) -> None:
    """To standard output or error, without the blanks that fill a line up."""
    made = console(piped, err=err)
    with made.capture() as captured:
        for part in parts:
            made.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
    text = "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
    typer.echo(text, nl=False, color=made.is_terminal, err=err)


def whole(text: str, style: str = "") -> Text:
    """A line that is never folded, because it is to be copied: a command, a digest."""
    return Text(text, style, no_wrap=True, overflow="ignore")


def objects(found: Sequence[Raw], output: Format, cursor: str = "") -> None:
    """Objects for programs, as a List. cursor: where to go on, as `metadata.continue`."""
    items = [public(raw) for raw in found]
    metadata = {"continue": cursor} if cursor else {}
    document({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items}, output)


def name(raw: Raw) -> str:
    """As `kubectl get -o name` says it."""
    return f"{raw['kind'].lower()}.{GROUP}/{raw['metadata']['name']}"


def document(content: Any, output: Format) -> None:
    """One document as json or yaml."""
    if output is Format.JSON:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        typer.echo(yaml.dump(content, Dumper=DUMPER, sort_keys=False, allow_unicode=True), nl=False)


def public(raw: Raw) -> dict[str, Any]:
    """The object as it may be shown: without managedFields, what callers put there redacted."""
    meta = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    shown: dict[str, Any] = _hidden({**raw, "metadata": meta})
    return shown


def _hidden(value: Any, key: str = "") -> Any:
    """Redacts free-form fields wholly, headers by name, and credentials in any other text."""
    if key in FREE_FORM:
        return redact(value)
    if isinstance(value, Mapping):
        shown = {name: _hidden(inner, name) for name, inner in value.items()}
        if key == "headers" and "value" in value:
            shown["value"] = headers.shown(str(value.get("name", "")), str(value["value"]))
        return shown
    if isinstance(value, list):
        return [_hidden(inner, key) for inner in value]
    return redact_text(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Column:
    """One column of a table: its head, and a cell for every row."""

    head: str
    cells: Sequence[str]

    @property
    def width(self) -> int:
        """How wide it has to be."""
        return max(cell_len(text) for text in (self.head, *self.cells)) + GAP


def table(columns: Sequence[Column]) -> list[Text]:
    """Lines as kubectl prints them: upper-case heads, no frame, and nothing is ever cut off."""
    lines = [Text(no_wrap=True, overflow="ignore") for _ in range(len(columns[0].cells) + 1)]
    for column in columns:
        for line, text in zip(lines, (column.head.upper(), *column.cells), strict=True):
            cell = Text(text, "bold") if line is lines[0] else styled(text)
            cell.append(" " * (column.width - cell.cell_len))
            line.append_text(cell)
    return lines


def fitting(columns: Sequence[Column], always: Container[str]) -> list[Column]:
    """The columns, from the left, that lines have room for; some are there always."""
    room = console(PIPED_WIDTH).width + GAP
    room -= sum(column.width for column in columns if column.head in always)
    kept = []
    for column in columns:
        if column.head in always:
            kept.append(column)
        elif column.width <= room:
            kept.append(column)
            room -= column.width
    return kept


def styled(word: str) -> Text:
    """A word in its colour, if it has one. Never read as markup: it may come from a tenant."""
    return Text(word, style=STYLES.get(word, ""))


def short_json(value: Any) -> str:
    """A payload in one line, without its secrets, cut off where it is long."""
    text = json.dumps(redact(value), ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… (all of it: -o yaml)"
