"""What is to be undone and how: the fields that an Action proposes and a Compensation carries."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from amends.api.escalation import EscalationPolicy
from amends.api.execution import ApprovalPolicy, Execution, RecordExecution, RetryPolicy
from amends.api.resource import LONGEST_NAME
from amends.api.verification import Verification
from amends.api.wire import Name, Text, Timestamp, Wire, matching


class Direction(StrEnum):
    """Rollback undoes an effect; ForwardFix repairs what cannot be undone."""

    ROLLBACK = "Rollback"
    FORWARD_FIX = "ForwardFix"


class Plan(Wire):
    """What an approver approves."""

    type: Annotated[
        str,
        Field(min_length=1, max_length=63),
        matching(
            r"^[a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$",
            otherwise=(
                "must be one word: use letters, digits, -, _ and ., begin with a letter and end "
                "with a letter or digit"
            ),
        ),
    ] = Field(
        default="operator_review",
        description="What sort of compensation this is, in a word of your own.",
    )
    direction: Direction = Field(
        default=Direction.ROLLBACK, description="Rollback (undo) or ForwardFix (repair)."
    )
    rollback_instruction: Text = Field(default="", description="How the effect is undone.")
    forward_fix_instruction: Text = Field(default="", description="How the damage is repaired.")
    approval: ApprovalPolicy = Field(
        default_factory=ApprovalPolicy, description="Who must agree before anything runs."
    )
    execution: Execution = Field(
        default_factory=lambda: Execution(record=RecordExecution()),
        description="How it is carried out.",
    )
    retry: RetryPolicy = Field(
        default_factory=RetryPolicy, description="How often it is tried again."
    )
    timeout_seconds: int = Field(
        default=60, ge=1, le=3600, description="How long one attempt may take."
    )
    service_account_name: Name = Field(
        default="amends-runner",
        description="Service account of this namespace as which everything in the cluster is done.",
    )
    verify: Verification | None = Field(
        default=None,
        description="How to find out whether it has happened, where nobody knows and it may not "
        "be repeated.",
    )
    ordering_key: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="Approved undos of this namespace with the same key begin in the order in "
        "which they were created, one after the other.",
    )
    compensable_until: Timestamp | None = Field(
        default=None,
        description="The target lets it be undone until then; afterwards it is not begun any more.",
    )
    escalation: EscalationPolicy | None = Field(
        default=None, description="Who sees to it when it needs a person, and until when."
    )


class ProposedCompensation(Plan):
    """The Compensation to propose when an action has failed."""

    name: Annotated[Name, Field(max_length=LONGEST_NAME)] | None = Field(
        default=None, description="Its name; default compensation-<effect id>."
    )
