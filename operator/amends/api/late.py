"""Late results: what came of an attempt whose holder had lost its claim. Evidence, never state."""

from typing import Annotated

from pydantic import Field

from amends.api.outcome import Outcome
from amends.api.wire import Digest, Timestamp, Token, Wire, atomic

MOST_LATE_RESULTS = 5


class LateResult(Wire):
    """One answer that came too late to count. Nothing is decided by it."""

    attempt_key: str = Field(max_length=1024, description="The attempt that it is about.")
    holder: Token = Field(description="The operator process that got it, and had lost the claim.")
    outcome: Outcome = Field(description="What the answer says: Applied, NotApplied or Unknown.")
    time: Timestamp = Field(description="When it was put on record.")
    excerpt: Annotated[str, Field(max_length=1024)] = Field(
        default="", description="The beginning of the answer, or the reason; without secrets."
    )
    digest: Digest | None = Field(
        default=None, description="Digest of all of it, without secrets; as in Receipts."
    )


LateResults = Annotated[list[LateResult], atomic(max_items=MOST_LATE_RESULTS)]
