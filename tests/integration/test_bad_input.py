"""Files as people get them wrong: each is refused, naming the field, the value and the fix.

A file's first line holds what its refusal must say, in parts: `# expect: part | part`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from integration.cluster import MASTERS, OPERATOR
from integration.objects import named

pytestmark = pytest.mark.controlplane

FILES = sorted((Path(__file__).parent / "bad_input").glob("*.yaml"))
MIB = "x" * 1024 * 1024


def refusal(control_plane: ControlPlane, namespace: str, file: Path | str, text: str = "") -> str:
    """What kubectl says when it is asked to apply this and may not."""
    ended = control_plane.kubectl("apply", "-n", namespace, "-f", file, input=text, check=False)
    assert ended.returncode != 0, f"accepted: {ended.stdout}"
    return ended.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_refused_in_words_that_help(
    file: Path, control_plane: ControlPlane, shared_namespace: str
) -> None:
    head, _, expected = file.read_text().partition("\n")[0].partition(": ")
    assert head == "# expect"

    said = refusal(control_plane, shared_namespace, file)

    missing = [part for part in expected.split(" | ") if part not in said]
    assert not missing, said


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("Compensation", {"rollbackInstruction": MIB}, "spec.rollbackInstruction: Too long"),
        ("Compensation", {"targetEffect": MIB}, "spec.targetEffect: Too long"),
        ("Approval", {"reason": MIB}, "spec.reason: Too long"),
        ("Disposition", {"reason": MIB}, "spec.reason: Too long"),
        ("Action", {"target": MIB}, "spec.target: Too long"),
        ("DeadLetter", {"reason": MIB}, "spec.reason: Too long"),
        ("Receipt", {"pointer": MIB}, "spec.pointer: Too long"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 80 else "",
)
def test_a_mebibyte_of_text_is_refused(
    kind: str,
    change: dict[str, Any],
    expected: str,
    control_plane: ControlPlane,
    shared_namespace: str,
) -> None:
    obj = named(kind, "bad")
    obj["spec"] |= change

    said = refusal(control_plane, shared_namespace, "-", json.dumps(obj))

    assert expected in said
    assert "may not be more than" in said
    assert len(said) < 1000


def test_an_unknown_phase_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl(
        "apply", "-n", namespace, "-f", "-", input=json.dumps(named("Compensation", "one"))
    )

    said = control_plane.kubectl(
        *("patch", "compensation", "one", "-n", namespace, "--subresource=status"),
        *("--type=merge", "-p", '{"status": {"phase": "Done"}}'),
        *("--as", OPERATOR, "--as-group", MASTERS),
        check=False,
    ).stderr

    assert 'status.phase: Unsupported value: "Done": supported values: "Proposed", ' in said


@pytest.fixture(scope="module")
def shared_namespace(control_plane: ControlPlane) -> str:
    """One for all: nothing is ever stored in it."""
    control_plane.kubectl("create", "namespace", "bad-input")
    return "bad-input"
