"""Writes the table of values in the chart's README from the comments in values.yaml.

`python hack/chart/values_table.py` makes charts/amends/README.md anew; a test fails while it is
stale. The comments are those of helm-docs: `# --` begins what explains the value below it, and
`# @example` shows one.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "charts/amends"
BEGIN = "<!-- values: written by `make chart` -->"
END = "<!-- values end -->"

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):")


class Unexplained(ValueError):
    """A value without a comment; the message names it."""


@dataclass(frozen=True)
class Value:
    """One value: its path, what it is for, its default, and perhaps an example."""

    path: str
    text: str
    default: Any
    example: str | None


def values(text: str) -> list[Value]:
    """Every value of a values.yaml, in its order.

    Raises:
        Unexplained: a leaf has no comment of its own and none above it.
    """
    tree = yaml.safe_load(text)
    found = [_value(path, comment, tree) for path, comment in _explained(text.splitlines())]
    for leaf in _leaves(tree):
        if not any(leaf == one.path or leaf.startswith(f"{one.path}.") for one in found):
            raise Unexplained(f"{leaf} of values.yaml has no comment: write `# -- …` above it")
    return found


def table(found: Sequence[Value]) -> str:
    """The values as a Markdown table."""
    rows = ["| value | is | default |", "|---|---|---|"]
    for one in found:
        example = f" Example: `{one.example}`" if one.example else ""
        default = json.dumps(one.default, ensure_ascii=False)
        rows.append(f"| `{one.path}` | {one.text}{example} | `{default}` |")
    return "\n".join(rows)


def refreshed(readme: str, text: str) -> str:
    """The README with the table of this values.yaml."""
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{table(values(text))}\n{END}{rest.split(END)[1]}"


def _explained(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The path of every key that has a comment, with the comment's lines."""
    comment: list[str] = []
    above: list[tuple[int, str]] = []
    for line in lines:
        if line.strip().startswith("# -- "):
            comment = [line.strip().removeprefix("# -- ")]
        elif line.strip().startswith("#"):
            if comment:
                comment.append(line.strip().removeprefix("#").strip())
        elif (key := _KEY.match(line)) is not None:
            indent = len(key["indent"])
            above = [(i, name) for i, name in above if i < indent] + [(indent, key["key"])]
            if comment:
                yield ".".join(name for _, name in above), comment
            comment = []


def _value(path: str, comment: Sequence[str], tree: Any) -> Value:
    default = tree
    for name in path.split("."):
        default = default[name]
    shown = [line.removeprefix("@example ") for line in comment if line.startswith("@example ")]
    told = " ".join(line for line in comment if not line.startswith("@example "))
    return Value(path, told, default, shown[0] if shown else None)


def _leaves(tree: Any, path: str = "") -> Iterator[str]:
    if not isinstance(tree, dict) or not tree:
        yield path
        return
    for name, value in tree.items():
        yield from _leaves(value, f"{path}.{name}" if path else name)


def main() -> None:
    """Makes the README anew."""
    readme = CHART / "README.md"
    readme.write_text(refreshed(readme.read_text(), (CHART / "values.yaml").read_text()))


if __name__ == "__main__":
    main()
