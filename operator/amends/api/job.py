"""One Kubernetes Job, as people write it down, and what its exit codes mean."""

from typing import Annotated

from pydantic import Field

from amends.api.outcome import Outcome, RetrySafety
from amends.api.wire import FreeForm, Wire, atomic


class ExitCodes(Wire):
    """What the program means by an exit code, where it differs from the defaults."""

    codes: Annotated[
        list[Annotated[int, Field(ge=0, le=255)]], atomic(max_items=64), Field(min_length=1)
    ] = Field(description="Exit codes.")
    outcome: Outcome = Field(description="Applied, NotApplied or Unknown.")


class JobExecution(Wire):
    """One Job per attempt, created as the service account of the plan.

    By default exit code 0 is Applied and every other one Unknown. A container that never started is
    NotApplied. A termination message that is a JSON object with `outcome` (and `reason`,
    `evidence`) says it itself, and is heard before the exit code.
    """

    template: FreeForm = Field(
        description=(
            "The pod template (core/v1 PodTemplateSpec) of the Job. restartPolicy is Never and "
            "serviceAccountName that of the plan; leave both out."
        )
    )
    exit_codes: Annotated[list[ExitCodes], atomic(max_items=16)] = Field(
        default_factory=list,
        description=(
            "What exit codes mean, where the defaults are wrong. The defaults: 0 is Applied, every "
            "other code is Unknown."
        ),
    )
    retry_safety: RetrySafety = Field(
        default=RetrySafety.NONE,
        description=(
            "Why a repeat does no harm: ProviderKey (the program passes AMENDS_IDEMPOTENCY_KEY on "
            "to a target that honours it), Natural (it is idempotent by itself), None (an unknown "
            "outcome waits for a person)."
        ),
    )
