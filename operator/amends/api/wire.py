"""How a field looks on the wire: camelCase names, limits, list types, CEL rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Rule:
    """One CEL validation that the API server runs (`x-kubernetes-validations`).

    Give `message` (fixed) or `message_expression` (CEL that yields the text). Every message names
    the field, the value where CEL can see it, and the fix.
    """

    rule: str
    message: str | None = None
    message_expression: str | None = None
    reason: str | None = None
    field_path: str | None = None
    optional_old_self: bool = False

    def schema(self) -> JsonDict:
        """The rule as the CRD spells it."""
        spelled: JsonDict = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.message_expression,
            "reason": self.reason,
            "fieldPath": self.field_path,
            "optionalOldSelf": self.optional_old_self or None,
        }
        return {key: value for key, value in spelled.items() if value is not None}


class Wire(BaseModel):
    """Base of everything that is read from or written to the API server.

    Unknown fields are an error: an object of another schema is reported, never half understood.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,  # most commands need few of the types
        use_enum_values=False,
    )

    RULES: ClassVar[Iterable[Rule]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.RULES:
            schema["x-kubernetes-validations"] = [rule.schema() for rule in cls.RULES]
        for name, field in cls.model_fields.items():
            if field.default_factory is not None:
                # pydantic leaves these out; the API server has to fill in what we would.
                default = field.get_default(call_default_factory=True, validated_data={})
                schema["properties"][field.alias or name]["default"] = (
                    default.wire() if isinstance(default, Wire) else default
                )
        return schema

    def wire(self) -> dict[str, Any]:
        """The JSON object as the API server stores it: camelCase, defaults in, absent left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a timestamp needs a time zone, for example 2026-01-31T09:00:00Z")
    return value.astimezone(UTC)


def rfc3339(value: datetime) -> str:
    """A time as it stands on the wire, and in messages."""
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


IS_A_TIME = Rule(
    "self >= timestamp('0001-01-01T00:00:00Z')",
    message="must be a time as RFC 3339 has it, in quotes: for example 2026-01-31T09:00:00Z",
)
"""True of every time. Where this is not asked, the API server takes a list for a time.

It checks the type of what has format date-time by the format alone, and looks only at texts.
"""

Timestamp = Annotated[
    datetime,
    AfterValidator(_aware),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    Field(json_schema_extra={"x-kubernetes-validations": [IS_A_TIME.schema()]}),
]
"""RFC 3339 in UTC, milliseconds."""


def matching(pattern: str, *, otherwise: str) -> Any:
    """A string of this form; the API server refuses others in these words.

    It puts the field's path and value before them. A bare `pattern` would only quote the regex.
    """
    rule = Rule(f'self.matches(r"{pattern}")', message=otherwise)
    return Field(pattern=pattern, json_schema_extra={"x-kubernetes-validations": [rule.schema()]})


Name = Annotated[
    str,
    Field(min_length=1, max_length=253),
    matching(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        otherwise=(
            "must be the name of an object of the same namespace: use lower-case letters, digits, "
            "- and ., begin and end with a letter or digit, and name no namespace"
        ),
    ),
]
"""Name of an object in the same namespace (RFC 1123 subdomain)."""

Period = Annotated[str, Field(max_length=13)]
"""Four hours by UTC, named by their date and first hour: 2026-01-31T08 is 8:00 to 11:59."""

Token = Annotated[str, Field(max_length=256)]
"""A short identifier that some other system chose."""

Text = Annotated[str, Field(max_length=4096)]
"""A sentence or a few, for people."""

Digest = Annotated[
    str,
    Field(max_length=71),
    matching(
        r"^sha256:[0-9a-f]{64}$",
        otherwise=(
            "must be a digest: write sha256: and 64 lower-case hex digits, as in status.planDigest"
        ),
    ),
]
"""`sha256:` and 64 lower-case hex digits, over RFC 8785 canonical JSON."""

FreeForm = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""Any JSON object; Amends does not look for fields in it."""

AnyJson = Annotated[Any, Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""Any JSON value."""


def keyed_by(*keys: str, max_items: int) -> Any:
    """A list that server-side apply merges by these keys (`x-kubernetes-list-type: map`)."""
    return Field(
        max_length=max_items,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [*keys]},
    )


def atomic(*, max_items: int) -> Any:
    """A list that is replaced as a whole (`x-kubernetes-list-type: atomic`)."""
    return Field(max_length=max_items, json_schema_extra={"x-kubernetes-list-type": "atomic"})


class ConditionStatus(StrEnum):
    """Kubernetes API conventions, "Typical status properties"."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Wire):
    """One observation about an object (metav1.Condition)."""

    type: str = Field(max_length=316, description="What is observed, for example Ready.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    observed_generation: int = Field(ge=0, description="The generation this was observed at.")
    last_transition_time: Timestamp = Field(description="When status last changed.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="The reason in one CamelCase word.",
    )
    message: str = Field(max_length=32768, description="The same for people.")


Conditions = Annotated[list[Condition], keyed_by("type", max_items=16)]


class LocalRef(Wire):
    """Another object of the same namespace, by name."""

    name: Name = Field(description="Name of the object, in this namespace.")


class ObjectRef(Wire):
    """Another object of the same namespace, by name and uid."""

    name: Name = Field(description="Name of the object, in this namespace.")
    uid: Token | None = Field(default=None, description="Its uid: this very object, no namesake.")


class Person(Wire):
    """Who made a request, as the API server authenticated them (authentication.k8s.io UserInfo)."""

    username: str = Field(min_length=1, max_length=512, description="Authenticated user name.")
    uid: str = Field(default="", max_length=256, description="Authenticated uid, if there is one.")
    groups: Annotated[list[Annotated[str, Field(max_length=512)]], atomic(max_items=256)] = Field(
        default_factory=list, description="Authenticated groups."
    )


class Transition(Wire):
    """One step of an object through its state machine."""

    from_: str = Field(alias="from", max_length=64, description="The phase before.")
    to: str = Field(max_length=64, description="The phase after.")
    time: Timestamp = Field(description="When the step was decided.")
    actor: str = Field(max_length=512, description="Who caused it: a person or the operator.")
    reason: str = Field(max_length=1024, description="Why, in one word or a sentence.")


History = Annotated[list[Transition], atomic(max_items=20)]
HISTORY_LIMIT = 20
