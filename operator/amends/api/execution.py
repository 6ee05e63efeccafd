"""How an undo is carried out: exactly one executor, and what it is given."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.wire import AnyJson, Name, Rule, Wire, atomic, keyed_by, matching

HeaderName = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matching(
        r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        otherwise="must be a header name: use letters, digits and -, without spaces or a colon",
    ),
]
"""Name of an HTTP header (RFC 9110 token)."""


class RetrySafety(StrEnum):
    """Why sending the same request twice does no harm."""

    NONE = "None"
    PROVIDER_KEY = "ProviderKey"
    NATURAL = "Natural"


class Outcome(StrEnum):
    """What is known about one attempt."""

    APPLIED = "Applied"
    NOT_APPLIED = "NotApplied"
    UNKNOWN = "Unknown"


class HttpMethod(StrEnum):
    """Methods that change something (RFC 9110)."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class SecretKeyRef(Wire):
    """One key of a Secret in the same namespace, read as the tenant's service account."""

    name: Name = Field(description="Name of the Secret.")
    key: Annotated[
        str,
        Field(min_length=1, max_length=253),
        matching(
            r"^[-._a-zA-Z0-9]+$",
            otherwise="must be a key of a Secret's data: use letters, digits, -, _ and .",
        ),
    ] = Field(description="Key in its data.")


class ValueFrom(Wire):
    """Where a value comes from when it must not stand in the object."""

    secret_key_ref: SecretKeyRef = Field(description="A key of a Secret.")


class Header(Wire):
    """One request header: a value, or a Secret that holds it."""

    name: HeaderName = Field(description="Header name (RFC 9110 token).")
    value: (
        Annotated[
            str,
            Field(max_length=4096),
            matching(
                r"^[^\r\n\x00]*$",
                otherwise="must be one line: remove the line breaks; each header is an entry",
            ),
        ]
        | None
    ) = Field(default=None, description="The value, for everyone who may read this object.")
    value_from: ValueFrom | None = Field(default=None, description="The value, from a Secret.")

    RULES: ClassVar = (
        Rule(
            "has(self.value) != has(self.valueFrom)",
            message_expression=(
                "'header ' + self.name + ' needs exactly one of value and valueFrom: "
                "a plain value, or valueFrom.secretKeyRef for a secret'"
            ),
        ),
    )


class BodyFrom(Wire):
    """A value of the JSON body that comes from a Secret."""

    path: Annotated[
        str,
        Field(min_length=1, max_length=512),
        matching(
            r"^(/([^~/]|~[01])+)+$",
            otherwise=(
                "must be a JSON Pointer (RFC 6901): begin with /, as in /auth/pin, and write ~ as "
                "~0 and / inside a key as ~1"
            ),
        ),
    ] = Field(
        description="Where the value goes in the body, as a JSON Pointer (RFC 6901): /auth/pin."
    )
    secret_key_ref: SecretKeyRef = Field(description="The Secret key that holds the value.")


class CodeOutcome(StrEnum):
    """What an HTTP status says about the effect."""

    APPLIED = "Applied"
    NOT_APPLIED = "NotApplied"
    RETRY = "Retry"
    UNKNOWN = "Unknown"


class StatusCodes(Wire):
    """What this target means by a status code, where it differs from the defaults."""

    codes: Annotated[
        list[Annotated[int, Field(ge=100, le=599)]], atomic(max_items=64), Field(min_length=1)
    ] = Field(description="HTTP status codes.")
    outcome: CodeOutcome = Field(
        description="Applied; NotApplied (final); Retry (not applied, may be sent again); Unknown."
    )


class HttpExecution(Wire):
    """One HTTP request under an idempotency key. Redirects are refused.

    By default 2xx is Applied; 409, 425 and 429 are NotApplied and sent again later; 503 with
    Retry-After likewise; 500, 502, 503, 504 and a lost answer are Unknown; every other code is
    NotApplied for good.
    """

    method: HttpMethod = Field(description="POST, PUT, PATCH or DELETE.")
    url: Annotated[
        str,
        Field(min_length=1, max_length=2048),
        matching(
            r"^[!-~]*$",
            otherwise="must be ASCII without spaces: percent-encode everything else, as in %20",
        ),
    ] = Field(
        description="Absolute URL. The operator's configuration says which hosts are allowed."
    )
    headers: Annotated[list[Header], keyed_by("name", max_items=32)] = Field(
        default_factory=list, description="Request headers."
    )
    body: AnyJson | None = Field(default=None, description="JSON body, at most 64 KiB.")
    body_from: Annotated[list[BodyFrom], keyed_by("path", max_items=16)] = Field(
        default_factory=list, description="Values of the body that come from Secrets."
    )
    idempotency_header: HeaderName = Field(
        default="Idempotency-Key", description="Header that carries the idempotency key."
    )
    retry_safety: RetrySafety = Field(
        default=RetrySafety.NONE,
        description=(
            "Why a repeat does no harm: ProviderKey (the target honours the idempotency key), "
            "Natural (the request is idempotent by itself), None (a lost answer waits for "
            "a person)."
        ),
    )
    status_codes: Annotated[list[StatusCodes], atomic(max_items=16)] = Field(
        default_factory=list,
        description=(
            "What status codes mean at this target, where the defaults are wrong. The defaults: "
            "2xx is Applied; 409, 425, 429, and 503 with Retry-After, are Retry; 500, 502, 503 and "
            "504 are Unknown; every other code is NotApplied."
        ),
    )

    RULES: ClassVar = (
        Rule(
            "self.url.matches('^https?://[^/?#]')",
            message_expression=(
                "'url ' + self.url.substring(0, self.url.size() < 80 ? self.url.size() : 80) + "
                "' must be absolute: write https://host/path'"
            ),
            field_path=".url",
        ),
        Rule(
            "!self.url.matches('^https?://[^/?#]*@')",
            message=(
                "url must not hold credentials (user:password@): "
                "use headers[].valueFrom.secretKeyRef"
            ),
            field_path=".url",
        ),
    )


class RecordExecution(Wire):
    """Nothing is done outside: the work was done elsewhere and is only recorded here."""


class Execution(Wire):
    """The executor, and what it needs: exactly one."""

    record: RecordExecution | None = Field(
        default=None, description="Do nothing outside; only record."
    )
    http: HttpExecution | None = Field(default=None, description="Send one HTTP request.")

    RULES: ClassVar = (
        Rule(
            "[has(self.record), has(self.http)].filter(x, x).size() == 1",
            message="execution needs exactly one executor: either record: {} or http: {...}",
        ),
    )

    @property
    def executor(self) -> str:
        """Name of the executor, as its entry point is called."""
        return "http" if self.http is not None else "record"

    @property
    def repeat_is_safe(self) -> bool:
        """Whether the same request may be sent again when nobody knows what became of it."""
        return self.http is None or self.http.retry_safety is not RetrySafety.NONE


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
