"""A statement by an authenticated person: what Approval, Disposition and Attestation share."""

from typing import Annotated

from pydantic import Field

from amends.api.resource import Status
from amends.api.wire import Conditions, Person, Rule, Token, Wire

CATEGORIES = ("amends", "decisions")
"""`kubectl get decisions` is the record of every human input."""


def stands(kind: str) -> Rule:
    """A statement is made once and cannot be changed."""
    article = "an" if kind.startswith("A") else "a"
    return Rule(
        "self.spec == oldSelf.spec",
        message=f"spec of {article} {kind} is immutable: a statement stands; create another {kind}",
        reason="FieldValueForbidden",
        field_path=".spec",
    )


class OnBehalfOf(Wire):
    """Whom a GitOps agent says it acts for: its claim, not a proof."""

    username: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="Who merged it."
    )
    commit: Token | None = Field(default=None, description="The commit.")
    url: str | None = Field(default=None, max_length=2048, description="Where to see it.")


class Statement(Wire):
    """Who states it. It cannot be changed: make another one."""

    on_behalf_of: OnBehalfOf | None = Field(
        default=None, description="For GitOps agents: whom they act for."
    )
    actor: Person | None = Field(
        default=None, description="Who stated it. Stamped by admission; leave it out."
    )


class StatementStatus(Status):
    """Whether it counted, and why not."""

    settled: bool | None = Field(default=None, description="True: it has counted, or never will.")
    bound_uid: Token | None = Field(
        default=None, description="Uid of the one subject it can count for."
    )
    conditions: Conditions = Field(default_factory=list, description="Current observations.")
