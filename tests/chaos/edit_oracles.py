"""What must become of an edit: which ones have to be refused, and with which words."""

from collections.abc import Iterator, Mapping
from typing import Any

from amends.core.machines import PHASE_MACHINES
from chaos.edit_schema import MOST_LEVELS, Raw, defaulted, objections, schema_of
from chaos.edits import MISSING, WRONG_METADATA, Edit, get, is_too_deep
from integration.cluster import Refused

OPERATOR = "operator"
STATEMENTS = ("Approval", "Disposition", "Attestation")
IMMUTABLE = (*STATEMENTS, "DeadLetter", "Receipt")
FREE_WHEN_FROZEN = ("suspend", "cancel", "requester")
FREELY_NESTED = ("Action", "Compensation", "Disposition", "Attestation")
EXECUTORS = ("record", "manual", "http", "job", "kubernetes", "plugIn")


def edited(edit: Edit, before: Raw) -> Raw:
    """The object as the edit means it to be."""
    meant: Raw = _with(before, edit.path, MISSING if edit.remove else edit.value)
    return meant


def _with(value: Any, path: tuple[str | int, ...], put: Any) -> Any:
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        assert isinstance(step, int)
        new = [put] if not rest else [_with(value[step], rest, put)]
        return [*value[:step], *([] if put is MISSING and not rest else new), *value[step + 1 :]]
    inner = put if rest == () else _with(value[step], rest, put)
    others = {name: one for name, one in value.items() if name != step}
    return others if inner is MISSING else {**others, step: inner}


def why_refused(kind: str, edit: Edit, before: Raw | None, after: Raw) -> str | None:
    """Why the API server may not accept it; None: it may, and need not.

    before: as it was, with what the schema puts in; None: it is created so.
    """
    return next(_reasons(kind, edit, before, after), None)


def _reasons(kind: str, edit: Edit, before: Raw | None, after: Raw) -> Iterator[str]:
    if edit.part == "metadata":
        if edit.sort in WRONG_METADATA or (edit.sort == "unicode" and "labels" in edit.path):
            yield "Kubernetes takes no such metadata"
        return
    schema = schema_of(kind)["properties"][edit.part]
    yield from objections(schema, after.get(edit.part), edit.part)
    if edit.part == "status":
        yield from _wrong_status(kind, edit, before or {}, after)
    else:
        yield from _wrong_spec(kind, edit, before, after["spec"])


def _wrong_status(kind: str, edit: Edit, before: Raw, after: Raw) -> Iterator[str]:
    was, now = before.get("status", {}), after["status"]
    if edit.author != OPERATOR:
        yield "only the operator writes status"
    machine = PHASE_MACHINES.get(kind)
    if machine is not None and now.get("phase") is not None:
        phases = type(machine.initial)
        if not machine.allows(phases(was["phase"]), phases(now["phase"])):
            yield f"{machine.noun} may not go from {was['phase']} to {now['phase']}"
    key = get(was, ("outbox", "idempotencyKey"))
    worked_on = kind in ("Compensation", "DeadLetter") and key is not MISSING
    if worked_on and get(now, ("outbox", "idempotencyKey")) != key:
        yield "the target may have seen the idempotency key"


def _wrong_spec(kind: str, edit: Edit, before: Raw | None, spec: Raw) -> Iterator[str]:
    was = before["spec"] if before is not None else None
    if was is not None and spec != was:
        phase = before.get("status", {}).get("phase") if before is not None else None
        changed = {name for name in {*was, *spec} if was.get(name) != spec.get(name)}
        if kind in IMMUTABLE or phase in ("Recorded", "Completed", "Cancelled"):
            yield "spec is immutable"
        if phase in ("Approved", "Running", "Failed") and changed - {*FREE_WHEN_FROZEN}:
            yield "the plan is frozen"
    if kind in FREELY_NESTED and is_too_deep(spec, MOST_LEVELS):
        yield "it is nested too deep"
    for plan in (spec, spec.get("compensation") or {}):
        execution = plan.get("execution")
        if execution is not None and sum(one in execution for one in EXECUTORS) != 1:
            yield "it needs exactly one executor"
    changed_by = {"Compensation": "requester", "Action": "requester"}.get(kind, "actor")
    said = get(spec, (changed_by, "username"))
    new = said not in (MISSING, get(was or {}, (changed_by, "username")))
    if new and said != edit.author and edit.author != OPERATOR:
        yield f"{edit.author} may not speak for {said}"
    if edit.author != OPERATOR and _is_unapproved(spec) and not (was and _is_unapproved(was)):
        yield "this namespace lets nothing run without approval"
    if kind in ("DeadLetter", "Receipt") and before is None and edit.author != OPERATOR:
        yield "only the operator records it"


def _is_unapproved(spec: Mapping[str, Any]) -> bool:
    places = (("approval", "required"), ("compensation", "approval", "required"))
    return any(get(spec, place) is False for place in places)


def complete(kind: str, obj: Raw) -> Raw:
    """The object with everything that its schema puts in."""
    parts = schema_of(kind)["properties"]
    filled = {
        part: defaulted(parts[part], obj.get(part, {}))
        for part in ("spec", "status")
        if part in parts
    }
    return {**obj, **filled}


def says_why(refusal: Refused, edit: Edit) -> str | None:
    """What is wrong with a refusal: an error of the server, or words that do not name the field."""
    words = str(refusal)
    if refusal.code >= 500 or refusal.code == 429:
        return f"{refusal.code} {words[:300]}"
    names = [str(step) for step in edit.path if not isinstance(step, int)]
    whole = (f"{edit.part} ", f"/{edit.part}", f"{edit.part}:", f"{edit.part}.", "cannot patch")
    if any(one in words for one in [*names[1:], *whole]):
        return None
    return f"the refusal does not name {edit.field}: {words[:300]}"
