"""Escalation: whose an undo is that needs a person, until when, and how others were told."""

from typing import Annotated

from pydantic import Field

from amends.api.wire import Text, Timestamp, Token, Wire, matching

Owner = Annotated[
    str,
    Field(min_length=1, max_length=253),
    matching(
        r"^[^\x00-\x1f\x7f]+$",
        otherwise="must be the name of a team or a person in one line: use no control characters",
    ),
]
"""A team or a person, by whatever name people know them."""


class EscalationPolicy(Wire):
    """Who sees to an undo that needs a person, and how long they have."""

    owner: Owner | None = Field(
        default=None,
        description="The team or person that sees to it; default: the namespace's annotation "
        "amends.dev/owner.",
    )
    after_seconds: int | None = Field(
        default=None,
        ge=0,
        le=31536000,
        description="How long it may need a person before it escalates, 0: at once; default: the "
        "namespace's annotation amends.dev/escalate-after, else an hour.",
    )


class Notice(Wire):
    """One message to the namespace's receiver: the outbox entry, kept before anything is sent."""

    id: Token = Field(description="The id of its CloudEvent; the same however often it is sent.")
    attempts: int = Field(default=0, ge=0, description="How often it was sent and has been judged.")
    next_at: Timestamp | None = Field(
        default=None, description="When it is sent (again); absent: never."
    )
    last_error: Text | None = Field(
        default=None, description="Why the last attempt was no success."
    )
    delivered_at: Timestamp | None = Field(
        default=None, description="When the receiver acknowledged it."
    )
    given_up_at: Timestamp | None = Field(
        default=None, description="When it was given up: the receiver never acknowledged it."
    )


class Escalation(Wire):
    """The owner; and of the last time that a person was needed: since when, and what came of it."""

    owner: Owner | None = Field(default=None, description="Who sees to it.")
    reason: Token | None = Field(
        default=None, description="Why a person is needed, in one word, for example Failed."
    )
    message: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="The same for people."
    )
    since: Timestamp | None = Field(default=None, description="Since when a person is needed.")
    deadline: Timestamp | None = Field(
        default=None, description="When it escalates if nobody has seen to it."
    )
    escalated_at: Timestamp | None = Field(default=None, description="When it escalated.")
    notice: Notice | None = Field(
        default=None, description="What the namespace's receiver is told."
    )
    ended_at: Timestamp | None = Field(
        default=None, description="When it needed a person no longer."
    )

    @property
    def stands(self) -> bool:
        """Whether a person is needed now."""
        return self.since is not None and self.ended_at is None
