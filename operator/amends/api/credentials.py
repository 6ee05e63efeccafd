"""How an HTTP request proves who sends it: OAuth2 client credentials, a TLS client certificate."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.secret import SecretKeyRef
from amends.api.wire import Rule, Wire, atomic, matching

Url = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    matching(
        r"^[!-~]*$",
        otherwise="must be ASCII without spaces: percent-encode everything else, as in %20",
    ),
]
"""An absolute http or https URL, percent-encoded."""


def absolute(field: str) -> tuple[Rule, Rule]:
    """The rules for whatever has a URL of this name."""
    return (
        Rule(
            f"self.{field}.matches('^https?://[^/?#]')",
            message_expression=(
                f"'{field} ' + self.{field}.substring(0, self.{field}.size() < 80 ? "
                f"self.{field}.size() : 80) + ' must be absolute: write https://host/path'"
            ),
            field_path=f".{field}",
        ),
        Rule(
            f"!self.{field}.matches('^https?://[^/?#]*@')",
            message=(
                f"{field} must not hold credentials (user:password@): "
                "use headers[].valueFrom.secretKeyRef"
            ),
            field_path=f".{field}",
        ),
    )


def tls_needs_https(field: str) -> Rule:
    """The rule for whatever has `tls` and a URL of this name."""
    return Rule(
        f"!has(self.tls) || self.{field}.startsWith('https://')",
        message=f"tls is for https: write https:// in {field}, or leave tls out",
        field_path=".tls",
    )


class Tls(Wire):
    """Mutual TLS: what the connection shows and trusts, from Secrets, all in PEM."""

    certificate: SecretKeyRef | None = Field(
        default=None,
        description="The client certificate, followed by those between it and its authority.",
    )
    key: SecretKeyRef | None = Field(
        default=None, description="The private key of the certificate, not encrypted."
    )
    ca: SecretKeyRef | None = Field(
        default=None,
        description="Who vouches for the target, instead of the authorities known to the operator.",
    )

    RULES: ClassVar = (
        Rule(
            "has(self.certificate) == has(self.key)",
            message="tls needs certificate and key together: each is a key of a Secret",
        ),
        Rule(
            "has(self.certificate) || has(self.ca)",
            message="tls needs certificate and key, or ca, or all three",
        ),
    )


class AuthStyle(StrEnum):
    """Where the client's own credentials stand in the request for a token (RFC 6749, 2.3.1)."""

    HEADER = "Header"
    BODY = "Body"


class ClientCredentials(Wire):
    """OAuth2 client credentials (RFC 6749, 4.4): a token is fetched first and sent as Bearer.

    The token is kept in memory until shortly before it expires.
    """

    token_url: Url = Field(
        description="Where tokens are issued; the same hosts are allowed as for requests."
    )
    client_id: (
        Annotated[
            str,
            Field(min_length=1, max_length=1024),
            matching(r"^[ -~]+$", otherwise="must be printable ASCII (RFC 6749, appendix A.1)"),
        ]
        | None
    ) = Field(default=None, description="The client, for everyone who may read this object.")
    client_id_from: SecretKeyRef | None = Field(
        default=None, description="The client, from a Secret."
    )
    client_secret_from: SecretKeyRef = Field(description="Its secret, from a Secret.")
    scopes: Annotated[
        list[
            Annotated[
                str,
                Field(min_length=1, max_length=256),
                matching(
                    r"^[!#-\[\]-~]+$",
                    otherwise="must be one scope: no spaces, quotes or backslashes (RFC 6749, 3.3)",
                ),
            ]
        ],
        atomic(max_items=32),
    ] = Field(default_factory=list, description="Scopes that are asked for.")
    audience: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        default=None, description="Whom the token is for, where the issuer wants to be told."
    )
    auth_style: AuthStyle = Field(
        default=AuthStyle.HEADER,
        description="Header: the client proves itself with HTTP Basic. Body: in the form.",
    )
    tls: Tls | None = Field(default=None, description="What the connection to the issuer needs.")

    RULES: ClassVar = (
        *absolute("tokenUrl"),
        tls_needs_https("tokenUrl"),
        Rule(
            "has(self.clientId) != has(self.clientIdFrom)",
            message="oauth2 needs exactly one of clientId and clientIdFrom",
        ),
    )
