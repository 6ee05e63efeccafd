"""How an undo is carried out: exactly one executor, and what it is given."""

from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.http import HttpExecution
from amends.api.job import JobExecution
from amends.api.kubernetes import KubernetesExecution
from amends.api.outcome import RetrySafety
from amends.api.secret import SecretKeyRef
from amends.api.wire import FreeForm, Rule, Text, Wire, keyed_by, matching


class RecordExecution(Wire):
    """Nothing is done outside: the work was done elsewhere and is only recorded here."""


class ManualExecution(Wire):
    """A person does it, and states in an Attestation what came of it."""

    instructions: Text = Field(default="", description="What the person is to do.")
    deadline_seconds: int | None = Field(
        default=None,
        ge=1,
        le=31536000,
        description="After so long without an Attestation it is escalated; absent: never.",
    )


class PlugInSecret(Wire):
    """One Secret that an executor of a third party reads."""

    name: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        description="What the executor calls it, for example token."
    )
    secret_key_ref: SecretKeyRef = Field(description="The Secret key that holds the value.")


class PlugInExecution(Wire):
    """An executor of a third party, installed beside the operator."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=63),
        matching(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            otherwise=(
                "must be the name of an installed executor: use lower-case letters, digits and -, "
                "as its entry point in the group amends.executors is called"
            ),
        ),
    ] = Field(description="Name of the executor, as its entry point is called.")
    config: FreeForm = Field(default_factory=dict, description="What the executor is given.")
    secrets: Annotated[list[PlugInSecret], keyed_by("name", max_items=16)] = Field(
        default_factory=list,
        description="The Secrets that it reads: whoever writes this must be allowed to use each.",
    )
    retry_safety: RetrySafety = Field(
        default=RetrySafety.NONE,
        description=(
            "Why a repeat does no harm: ProviderKey (the target honours the idempotency key), "
            "Natural (it is idempotent by itself), None (a lost answer waits for a person)."
        ),
    )

    RULES: ClassVar = (
        Rule(
            "!(self.name in ['record', 'manual', 'http', 'job', 'kubernetes'])",
            message_expression=(
                "'plugIn.name ' + self.name + ' is an executor of Amends itself: write ' + "
                "self.name + ': {...} instead of plugIn'"
            ),
            field_path=".name",
        ),
    )


class Execution(Wire):
    """The executor, and what it needs: exactly one."""

    record: RecordExecution | None = Field(
        default=None, description="Do nothing outside; only record."
    )
    manual: ManualExecution | None = Field(
        default=None, description="Wait for a person to do it and to attest to it."
    )
    http: HttpExecution | None = Field(default=None, description="Send one HTTP request.")
    job: JobExecution | None = Field(default=None, description="Run one Kubernetes Job.")
    kubernetes: KubernetesExecution | None = Field(
        default=None, description="Change one object of this namespace."
    )
    plug_in: PlugInExecution | None = Field(
        default=None, description="Use an executor that was installed beside the operator."
    )

    RULES: ClassVar = (
        Rule(
            "[has(self.record), has(self.manual), has(self.http), has(self.job), "
            "has(self.kubernetes), has(self.plugIn)].filter(x, x).size() == 1",
            message=(
                "execution needs exactly one executor: one of record: {}, manual: {}, http: {...}, "
                "job: {...}, kubernetes: {...} and plugIn: {...}"
            ),
        ),
    )

    @property
    def executor(self) -> str:
        """Name of the executor, as its entry point is called."""
        if self.plug_in is not None:
            return self.plug_in.name
        chosen = ("manual", "http", "job", "kubernetes")
        return next((name for name in chosen if getattr(self, name) is not None), "record")

    @property
    def repeat_is_safe(self) -> bool:
        """Whether the same may be done again when nobody knows what became of it.

        Of a change to an object that the object itself cannot tell of, nobody can say so.
        """
        if (sent := self.http or self.job or self.plug_in) is not None:
            return sent.retry_safety is not RetrySafety.NONE
        return self.manual is None and self.kubernetes is None

    @property
    def is_previewed(self) -> bool:
        """Whether it can be seen beforehand what it would do."""
        return self.kubernetes is not None

    @property
    def binds_its_preview(self) -> bool:
        """Whether what it would do is part of what is approved."""
        return self.kubernetes is not None and self.kubernetes.refuses_drift

    @property
    def outlives_its_process(self) -> bool:
        """Whether another process can go on with an attempt, because the cluster remembers it."""
        return self.job is not None or self.kubernetes is not None


class RetryPolicy(Wire):
    """How often a failed undo is tried again, and after how long."""

    max_attempts: int = Field(default=5, ge=1, le=100, description="Attempts in all.")
    backoff_seconds: int = Field(
        default=2, ge=1, le=3600, description="Pause after the first failure; doubles each time."
    )
    max_backoff_seconds: int = Field(
        default=300, ge=1, le=86400, description="The longest pause in seconds."
    )

    RULES: ClassVar = (
        Rule(
            "self.maxBackoffSeconds >= self.backoffSeconds",
            message_expression=(
                "'maxBackoffSeconds %d is less than backoffSeconds %d: raise maxBackoffSeconds or "
                "lower backoffSeconds'.format([self.maxBackoffSeconds, self.backoffSeconds])"
            ),
        ),
    )


class ApprovalPolicy(Wire):
    """Who must agree before anything runs."""

    required: bool = Field(default=True, description="Whether people must approve.")
    approvers: int = Field(
        default=1, ge=1, le=10, description="How many different people, the requester not counted."
    )
    deadline_seconds: int = Field(
        default=86400, ge=1, le=31536000, description="After so long without them it is cancelled."
    )
