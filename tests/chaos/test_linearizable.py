"""What the check of histories makes of a request whose caller has left."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chaos.linearizable import operations, refused

pytestmark = pytest.mark.chaos


def event(at: float, verb: str, code: int, version: int = 0, expects: int = 0) -> dict[str, Any]:
    """A line of the audit log about the one undo; it took a tenth of a second."""
    times = {
        "requestReceivedTimestamp": _time(at),
        "stageTimestamp": _time(at + 0.1),
    }
    stored = {"kind": "Compensation", "metadata": {"resourceVersion": str(version)}}
    asked = {"metadata": {"resourceVersion": str(expects)}} if expects else None
    return {
        **times,
        "verb": verb,
        "user": {"username": "operator"},
        "sourceIPs": ["127.0.0.1"],
        "objectRef": {"resource": "compensations", "namespace": "here", "name": "undo"},
        "requestObject": asked,
        "responseObject": stored if code < 300 else {"kind": "Status"},
        "responseStatus": {"code": code},
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(1_800_000_000 + seconds, UTC).isoformat()


@pytest.mark.parametrize(
    ("code", "explained"),
    [
        pytest.param(504, True, id="nobody knows: it may be carried out after that"),
        pytest.param(403, False, id="refused: it must not be"),
    ],
)
def test_what_is_carried_out_after_its_caller_has_left(
    tmp_path: Path, code: int, explained: bool
) -> None:
    log = tmp_path / "audit.jsonl"
    told = (
        event(0, "create", 201, version=1),
        event(1, "patch", code, expects=1),
        event(2, "get", 200, version=1),
        event(3, "get", 200, version=2),
    )
    log.write_text("".join(json.dumps(one) + "\n" for one in told))
    counted, wrong = refused(operations(log, "here"))
    assert counted == "checked 1 histories, 4 operations"
    assert (wrong == []) is explained
