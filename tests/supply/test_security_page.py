"""docs/security.md: what it says is shown by a test is a test that exists."""

import ast
import re

from lock import REPO

PAGE = (REPO / "docs/security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
REQUIREMENTS = [f"9.2.{number}" for number in range(1, 12)]
"""Of OWASP AISVS 1.01."""


def functions_of(file: str) -> set[str]:
    """The test functions of a file, as its source has them."""
    tree = ast.parse((REPO / file).read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_test_that_the_page_names_exists() -> None:
    missing = [f"{file}::{name}" for file, name in NAMED if not defines(file, name)]

    assert missing == []
    assert len(NAMED) > 50


def defines(file: str, name: str) -> bool:
    return (REPO / file).is_file() and name in functions_of(file)


def test_every_threat_names_a_test() -> None:
    threats = PAGE.partition("## Threats")[2].partition("\n## ")[0]
    rows = [line for line in threats.splitlines() if line.startswith("| ")]
    headings = [line for line in rows if line.endswith("| shown by |")]

    assert len(headings) == threats.count("\n### ")
    assert [row for row in rows if row not in headings and "::test_" not in row] == []


def test_every_requirement_of_the_chapter_is_answered_once() -> None:
    assert re.findall(r"^\| (9\.2\.\d+) ", PAGE, re.MULTILINE) == REQUIREMENTS


def test_what_the_page_links_to_is_there() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)", PAGE)

    assert [path for path in linked if not (REPO / "docs" / path).exists()] == []
