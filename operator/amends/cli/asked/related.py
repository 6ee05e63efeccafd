"""What an object is about, as far as it is there and can be read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import typer

from amends.api import Action, Compensation, DeadLetter, Resource
from amends.api.receipt import Scope
from amends.cli.asked.reading import read
from amends.cli.asked.session import Session
from amends.cli.shown import kinds
from amends.cli.shown.failures import Failure
from amends.core.world import DeadLetterWorld
from amends.executors.http import request
from amends.ports import Raw

R = TypeVar("R", bound=Resource)


def name_of(kind: str, text: str) -> str:
    """The name in `name` or `kind/name`, as `show` takes it too."""
    given = kinds.named(text, kind)
    if given.kind != kind:
        raise typer.BadParameter(f"{text} is no {kinds.spoken(kind)}")
    return given.name


def readable(kind: type[R], raw: Raw, what: str) -> R | None:
    """The object, None if it does not fit the schema: then others go on without it."""
    try:
        return read(kind, raw, what)
    except Failure:
        return None


def action_of(session: Session, one: Compensation | DeadLetter) -> Action | None:
    """The Action that it is about, if it names one that is there and can be read."""
    ref = one.spec.action_ref
    if ref is None:
        return None
    raw = session.find_one("Action", ref.name, one.metadata.namespace)
    return readable(Action, raw, f"Action {ref.name}") if raw is not None else None


def world_of(session: Session, letter: DeadLetter, now: datetime) -> DeadLetterWorld:
    """The dead letter and what decides about it, as the operator would see them."""
    meta, spec = letter.metadata, letter.spec
    found = session.find("Compensation", {"spec.targetEffect": spec.effect_id}, meta.namespace)
    candidates = [
        one
        for raw in found
        if (one := readable(Compensation, raw, raw["metadata"]["name"])) is not None
    ]
    action = action_of(session, letter)
    return DeadLetterWorld(
        letter=letter,
        action=action,
        compensation=_named(letter, candidates),
        candidates=candidates,
        dispositions=(),
        receipts=(),
        attempt=None,
        objection=_objection(action),
        success=None,
        scope=Scope(namespace=meta.namespace),
        holder="",
        lease=timedelta(0),
        now=now,
    )


def _named(letter: DeadLetter, candidates: Sequence[Compensation]) -> Compensation | None:
    ref = letter.status.compensation_ref
    wanted = ref.name if ref is not None else None
    return next((one for one in candidates if one.metadata.name == wanted), None)


def _objection(action: Action | None) -> str | None:
    retry = action.spec.retry if action is not None else None
    return request.objection(retry.http) if retry is not None and retry.http else None
