"""Whatever a condition gives as its reason, and every alert, is explained where people look it up.

When this fails: a row is missing in docs/writing-compensations.md ("Every reason"), in the page
about that kind of statement, or in docs/troubleshooting.md.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
CORE = REPO / "operator/amends/core"
DOCS = REPO / "docs"
ALERTS = REPO / "charts/amends/files/alerts.yaml"
REASON_IS = {
    "ready": 0,
    "not_ready": 0,
    "reconciling": 0,
    "stalled": 0,
    "Verdict": 0,
    "Hold": 0,
    "Observed": 2,
}
"""Which argument of what makes a condition, or goes into one, is the reason."""
PAGES = ("writing-compensations.md", "dead-letters.md", "attestations.md", "holding-back.md")


def reasons() -> dict[str, str]:
    """Every reason that the core and the gates write out as a word, and where."""
    files = [*CORE.rglob("*.py"), *(REPO / "operator/amends/runtime").glob("*.py")]
    return {
        reason: f"{file.relative_to(REPO)}:{line}"
        for file in files
        for reason, line in _reasons(ast.parse(file.read_text()))
    }


def _reasons(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        place = REASON_IS.get(call.func.id)
        if place is None or len(call.args) <= place:
            continue
        for word in ast.walk(call.args[place]):
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                yield word.value, word.lineno


@pytest.mark.parametrize(("reason", "where"), reasons().items())
def test_every_reason_is_explained(reason: str, where: str) -> None:
    pages = [(DOCS / page).read_text() for page in PAGES]
    assert any(f"`{reason}`" in page for page in pages), f"{reason}, from {where}"


def test_the_reasons_are_found_at_all() -> None:
    found = reasons()
    assert {"Verifying", "TargetBusy", "DigestMismatch", "WindowClosed", "Telling"} <= found.keys()


@pytest.mark.parametrize("alert", [one["alert"] for one in yaml.safe_load(ALERTS.read_text())])
def test_every_alert_has_its_row_for_whoever_is_woken(alert: str) -> None:
    assert f"`{alert}`" in (DOCS / "troubleshooting.md").read_text()
