"""Disposition: one person's statement about what is to become of one dead letter."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.plan import ProposedCompensation
from amends.api.resource import Column, Resource, Served
from amends.api.statement import CATEGORIES, Statement, StatementStatus, stands
from amends.api.wire import ObjectRef, Rule, matching


class Choice(StrEnum):
    """What is to become of the dead letter."""

    RETRY = "Retry"
    IGNORE = "Ignore"
    COMPENSATE = "Compensate"
    ABANDON = "Abandon"
    RESOLVE = "Resolve"
    REOPEN = "Reopen"


class DispositionSpec(Statement):
    """The statement. It cannot be changed: make another one."""

    dead_letter_ref: ObjectRef = Field(description="The DeadLetter it is about.")
    choice: Choice = Field(
        description=(
            "Retry: send it again as the Action says. Ignore, Abandon: leave it. Compensate: undo "
            "or repair it. Resolve: it has been dealt with elsewhere. Reopen: it was ignored and "
            "should not have been."
        )
    )
    reason: Annotated[
        str,
        Field(min_length=1, max_length=4096),
        matching(r"\S", otherwise="must say why: write a sentence; it stays in the record"),
    ] = Field(description="Why. Kept in the record.")
    compensation: ProposedCompensation | None = Field(
        default=None,
        description="For Compensate: what to do, where the Action has not said it.",
    )

    RULES: ClassVar = (
        Rule(
            "!has(self.compensation) || self.choice == 'Compensate'",
            message_expression=(
                "'compensation goes with choice Compensate, and choice is ' + self.choice + "
                "': leave compensation out, or choose Compensate'"
            ),
            field_path=".compensation",
        ),
    )


class Disposition(Resource):
    """A statement by an authenticated person about one DeadLetter."""

    SERVED: ClassVar = Served(
        plural="dispositions",
        short_names=("disp",),
        description="An authenticated person says what is to become of one dead letter.",
        columns=(
            Column("DeadLetter", ".spec.deadLetterRef.name"),
            Column("Choice", ".spec.choice"),
            Column("Actor", ".spec.actor.username"),
            Column("Result", ".status.conditions[?(@.type=='Ready')].reason"),
            Column("Reason", ".spec.reason", priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(".spec.deadLetterRef.name", ".status.settled", ".spec.actor.username"),
        open_work="status.settled!=true",
        categories=CATEGORIES,
    )
    RULES: ClassVar = (stands("Disposition"),)

    spec: DispositionSpec
    status: StatementStatus = Field(default_factory=StatementStatus)
