"""What a caller says of an Action, checked and redacted before it leaves the process."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticSerializationError, to_jsonable_python

from amends.api.action import ActionSpec, DeclaredRetry, Source
from amends.api.execution import ApprovalPolicy, Execution, RetryPolicy
from amends.api.http import Header, HttpExecution
from amends.api.plan import ProposedCompensation
from amends.api.wire import Name, Wire
from amends.client.errors import WrongField
from amends.core.records.digest import short
from amends.core.records.receipts import TEXT_LIMIT, exact
from amends.core.records.redaction import redact, redact_text

Json = Mapping[str, Any]

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_SHOWN = 80
_ALIKE = 0.55
_STEM = 40


class ActionFields(TypedDict, total=False):
    """Fields of an Action's spec that its automation writes; `kubectl explain action.spec`."""

    target: str | None
    provider: str | None
    tool: str | None
    run_id: str | None
    workflow_run_id: str | None
    routine_run_id: str | None
    context_run_id: str | None
    node_id: str | None
    source: Json | Source | None
    policy_decision_id: str | None
    context_assertion_id: str | None
    input: Json | None
    compensation: Json | ProposedCompensation | None
    retry: Json | DeclaredRetry | None


def action_spec(operation: str, idempotency_key: str, fields: ActionFields) -> ActionSpec:
    """The spec without an outcome, redacted.

    Raises:
        WrongField: names every field that does not fit.
    """
    given: dict[str, Any] = {key: value for key, value in fields.items() if value is not None}
    _refuse_unknown(given)
    if isinstance(target := given.get("target"), str):
        given["target"] = redact_text(target)
    if "input" in given:
        given["input"] = _plain_input(given["input"])
    given |= {"operation": operation, "idempotency_key": idempotency_key}
    try:
        return ActionSpec.model_validate(given)
    except ValidationError as why:
        raise WrongField(_explained(why)) from None


def compensation(given: Json | ProposedCompensation) -> ProposedCompensation:
    """The undo that an Action proposes.

    Raises:
        WrongField: names every field that does not fit.
    """
    try:
        return ProposedCompensation.model_validate(given)
    except ValidationError as why:
        raise WrongField(_explained(why, "compensation")) from None


def evidence(given: Any) -> dict[str, Any]:
    """What the target answered, redacted, as an Action can hold it.

    It never fails: an answer that is no JSON must not make an effect look as if it had failed.
    """
    try:
        plain = exact(to_jsonable_python(given, serialize_unknown=True))
    except (PydanticSerializationError, ValueError, RecursionError) as why:
        return omitted(f"{type(given).__name__} is no JSON: {why}")
    receipt: dict[str, Any] = redact(plain if isinstance(plain, dict) else {"result": plain})
    return receipt


def omitted(why: str) -> dict[str, Any]:
    """Stands for evidence that could not be kept."""
    return {"omitted": sentence(why)}


def sentence(text: str) -> str:
    """A text for the record: redacted, and no longer than it may be."""
    return redact_text(text)[:TEXT_LIMIT]


def stem(name: str | None, operation: str, idempotency_key: str) -> str:
    """What the names of the Actions of one key begin with.

    Raises:
        WrongField: the name that was given is none.
    """
    if name is None:
        word = re.sub(r"[^a-z0-9]+", "-", operation.lower())[:_STEM].strip("-")
        return f"{word or 'action'}-{short(idempotency_key)}"
    try:
        return _NAME.validate_python(name)
    except ValidationError as why:
        raise WrongField(_explained(why, "name")) from None


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    """Also what an Action has but its automation does not write: outcome, attempt, requester."""
    known = ActionFields.__annotations__
    if wrong := [_no_field(name, known) for name in given if name not in known]:
        raise WrongField("; ".join(wrong))


def _plain_input(given: Any) -> Any:
    try:
        return redact(exact(to_jsonable_python(given)))
    except (PydanticSerializationError, ValueError, RecursionError) as why:
        raise WrongField(f"input is no JSON: {why}") from None


def _explained(why: ValidationError, *before: str) -> str:
    return "; ".join(_line(one, before) for one in why.errors(include_url=False))


def _line(error: ErrorDetails, before: tuple[str, ...]) -> str:
    path = [*before, *error["loc"]]
    where = ".".join(_as_argument(part) if not at else str(part) for at, part in enumerate(path))
    if error["type"] == "extra_forbidden":
        return _no_field(where, dict.fromkeys(_wire_names()))
    if error["type"] == "missing":
        return f"{where} is missing"
    if path[-1] == "value":  # of a header: likely to be what nobody should read
        return f"{where}: {error['msg']}"
    value = redact_text(repr(redact(error["input"])))
    shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
    return f"{where} is {shown}: {error['msg']}"


def _as_argument(part: str | int) -> str:
    """A field of spec as the caller knows it: run_id, not runId."""
    names = {field.alias: name for name, field in ActionSpec.model_fields.items()}
    return names.get(str(part)) or str(part)


def _no_field(where: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(where.rpartition(".")[2], list(known), 1, _ALIKE)
    return f"{where} is no field of an Action" + (f", did you mean {close[0]}?" if close else "")


def _wire_names() -> Iterator[str]:
    models: tuple[type[Wire], ...] = (
        *(ActionSpec, ProposedCompensation, DeclaredRetry, Source, Execution),
        *(HttpExecution, Header, ApprovalPolicy, RetryPolicy),
    )
    for model in models:
        for name, field in model.model_fields.items():
            yield field.alias or name
