"""Whose an undo is that needs a person, and who has been told. Pure."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import RenderableType

from amends.api import Compensation, Resource
from amends.api.escalation import Escalation, Notice
from amends.cli.look import chapters
from amends.cli.look.chapters import Fact
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.times import at


def briefly(one: Resource) -> str:
    """Behind what waits: ` (sre; escalated)`; nothing, where there is nobody to name."""
    escalation = one.status.escalation if isinstance(one, Compensation) else None
    if escalation is None:
        return ""
    words = [visible(escalation.owner)] if escalation.owner else []
    if escalation.stands and escalation.escalated_at is not None:
        words.append("escalated")
    return f" ({'; '.join(words)})" if words else ""


def told(one: Compensation, now: datetime) -> list[RenderableType]:
    """Owner, deadline, and what came of it."""
    escalation = one.status.escalation
    return [chapters.facts(_facts(escalation, now))] if escalation is not None else []


def _facts(escalation: Escalation, now: datetime) -> Iterator[Fact]:
    yield "Owner", visible(escalation.owner) if escalation.owner else "nobody by name"
    if escalation.since is not None:
        yield "Needed since", f"{at(escalation.since, now)}: {plain(escalation.reason or '')}"
    if escalation.ended_at is not None:
        yield "Needed until", at(escalation.ended_at, now)
    if escalation.escalated_at is not None:
        yield "Escalated", at(escalation.escalated_at, now)
    elif escalation.deadline is not None:
        yield "Escalates", at(escalation.deadline, now)
    if escalation.notice is not None:
        yield "Receiver", _known(escalation.notice, now)


def _known(notice: Notice, now: datetime) -> str:
    if notice.delivered_at is not None:
        return f"told {at(notice.delivered_at, now)}"
    vain = f"told {notice.attempts} times in vain: {plain(notice.last_error or '')}"
    if notice.given_up_at is not None:
        return f"{vain}; given up {at(notice.given_up_at, now)}"
    return vain if notice.last_error else "is being told"
