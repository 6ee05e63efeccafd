"""One HTTP request, as people write it down, and what its answers mean."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.credentials import ClientCredentials, Tls, Url, absolute, tls_needs_https
from amends.api.outcome import RetrySafety
from amends.api.secret import SecretKeyRef, ValueFrom
from amends.api.wire import AnyJson, Rule, Wire, atomic, keyed_by, matching

HeaderName = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matching(
        r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        otherwise="must be a header name: use letters, digits and -, without spaces or a colon",
    ),
]
"""Name of an HTTP header (RFC 9110 token)."""


class Otherwise(StrEnum):
    """What an answer comes to in which an assertion does not hold."""

    NOT_APPLIED = "NotApplied"
    UNKNOWN = "Unknown"


class HttpMethod(StrEnum):
    """Methods that change something (RFC 9110)."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


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


class Assertion(Wire):
    """What has to hold in the JSON of an answer."""

    path: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description=(
            "JSONPath (RFC 9535) into the answer, for example $.status. One .. at most, one "
            "selector in each [ ], and one filter, without match() and search()."
        )
    )
    equals: AnyJson | None = Field(
        default=None,
        description="Every value found there must equal this. Absent: some value must be there.",
    )


class HttpCall(Wire):
    """What every request has: where it goes, how it proves who sends it, what answers mean."""

    url: Url = Field(
        description="Absolute URL. The operator's configuration says which hosts are allowed."
    )
    headers: Annotated[list[Header], keyed_by("name", max_items=32)] = Field(
        default_factory=list, description="Request headers."
    )
    oauth2: ClientCredentials | None = Field(
        default=None, description="Fetch a token first, and send it."
    )
    tls: Tls | None = Field(
        default=None, description="Client certificate, and who vouches for the target."
    )
    status_codes: Annotated[list[StatusCodes], atomic(max_items=16)] = Field(
        default_factory=list,
        description="What status codes mean at this target, where the defaults are wrong.",
    )
    assertions: Annotated[list[Assertion], atomic(max_items=16)] = Field(
        default_factory=list,
        description="What must hold as well in an answer whose status means Applied.",
    )
    otherwise: Otherwise = Field(
        default=Otherwise.UNKNOWN,
        description="What it comes to where an assertion does not hold: NotApplied or Unknown.",
    )

    RULES: ClassVar = (*absolute("url"), tls_needs_https("url"))


class HttpExecution(HttpCall):
    """One HTTP request under an idempotency key. Redirects are refused.

    By default 2xx is Applied; 409, 425 and 429 are NotApplied and sent again later; 503 with
    Retry-After likewise; 500, 502, 503, 504 and a lost answer are Unknown; every other code is
    NotApplied for good.
    """

    method: HttpMethod = Field(description="POST, PUT, PATCH or DELETE.")
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


class HttpProbe(HttpCall):
    """A GET that changes nothing and tells whether the effect has happened.

    By default 2xx in which every assertion holds is Applied, 404 is NotApplied, and everything else
    leaves it Unknown.
    """
