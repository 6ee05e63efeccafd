"""Fields that no Action can have are refused at once, in words that name them."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from amends.api.action import ActionSpec
from amends.client import Recorder, WrongField, fields, recording
from amends.client.fields import ActionFields, evidence

WRITTEN_BY_THE_CLIENT = {
    *("operation", "outcome", "error", "idempotency_key", "attempt", "receipt", "requester")
}
HTTP = {"method": "POST", "url": "https://board/messages"}


def test_a_caller_may_write_every_field_that_the_client_does_not() -> None:
    assert set(ActionFields.__annotations__) == set(ActionSpec.model_fields) - WRITTEN_BY_THE_CLIENT


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"targt": "x"}, "targt is no field of an Action, did you mean target?"),
        ({"outcome": "ok"}, "outcome is no field of an Action"),
        (
            {"target": "x" * 2049},
            f"target is {'x' * 80!r:.80}…: String should have at most 2048 characters",
        ),
        ({"run_id": 7}, "run_id is 7: Input should be a valid string"),
        ({"input": "hello"}, "input is 'hello': Input should be a valid dictionary"),
        ({"source": {"kind": "ci-job"}}, "source.id is missing"),
        (
            {"retry": {"http": {"method": "GET", "url": "x"}}},
            "retry.http.method is 'GET': Input should be 'POST', 'PUT', 'PATCH' or 'DELETE'",
        ),
        (
            {"compensation": {"timeoutSeconds": 0}},
            "compensation.timeoutSeconds is 0: Input should be greater than or equal to 1",
        ),
        (
            {"compensation": {"rollback": "x"}},
            "compensation.rollback is no field of an Action, did you mean rollbackInstruction?",
        ),
        (
            {"retry": {"http": {"method": "POST", "headers": [{"value": "x"}]}}},
            "retry.http.url is missing; retry.http.headers.0.name is missing",
        ),
        (
            {"retry": {"http": {**HTTP, "headers": [{"name": "X-Pin", "value": "hunter2\n"}]}}},
            "retry.http.headers.0.value: String should match pattern",
        ),
        (
            {"retry": {"http": [{"password": "hunter2"}]}},
            "retry.http is [{'password': '[redacted]'",
        ),
        ({"name": "Not A Name"}, "name is 'Not A Name': String should match pattern"),
        ({"run_id": ["password=hunter2"]}, "run_id is ['password=[redacted]']: Input should be"),
        (
            {"input": {"at": object}},
            "input is no JSON: Unable to serialize unknown type: <class 'type'>",
        ),
    ],
)
def test_what_does_not_fit_is_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongField, match=f"^{re.escape(words)}"):
        recording("board.post", idempotency_key="k", **wrong)


@pytest.mark.parametrize("key", ["", "x" * 513])
def test_the_key_is_looked_at_too(key: str) -> None:
    with pytest.raises(WrongField, match=r"^idempotency_key is '"):
        recording("board.post", idempotency_key=key)


def test_both_spellings_of_nested_fields_are_understood() -> None:
    snake = fields.compensation({"rollback_instruction": "x", "timeout_seconds": 5})
    assert snake == fields.compensation({"rollbackInstruction": "x", "timeoutSeconds": 5})


def test_what_a_recorder_has_in_common_is_said_of_each_and_can_be_overruled() -> None:
    recorder = Recorder(run_id="run-7", source={"kind": "ci-job", "id": "nightly"})
    spec = recorder.recording("board.post", idempotency_key="k", run_id="run-8")._spec
    assert spec.run_id == "run-8"
    assert spec.source is not None
    assert spec.source.id == "nightly"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"id": "m-1"}, {"id": "m-1"}),
        ("m-1", {"result": "m-1"}),
        (0, {"result": 0}),
        ({"at": datetime(2026, 1, 31, tzinfo=UTC)}, {"at": "2026-01-31T00:00:00Z"}),
        ({"nan": float("nan"), "big": 2**60}, {"nan": "nan", "big": str(2**60)}),
        ({1: ("a", b"b")}, {"1": ["a", "b"]}),
        (
            {"api_key": "x", "text": "Bearer abcdef.123456"},
            {"api_key": "[redacted]", "text": "Bearer [redacted]"},
        ),
    ],
)
def test_evidence_of_any_shape_is_kept_as_json_without_secrets(given: Any, stored: Any) -> None:
    assert evidence(given) == stored


def test_evidence_never_fails() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise OSError

        __str__ = __repr__

    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    assert list(evidence({"a": round_and_round})) == ["omitted"]
    assert list(evidence(b"\xff")) == ["omitted"]
    assert evidence({"a": Hostile()})["a"].startswith("<Unserializable ")
