"""What every kind is made of: metadata as Amends reads it, and how the kind is served."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from amends.api.wire import Period, Rule, Timestamp, Wire

GROUP = "amends.dev"
VERSION = "v1alpha1"


MANAGED_BY = {"app.kubernetes.io/managed-by": "amends"}
"""The label of what the operator made (Kubernetes' recommended labels)."""


class ObjectMeta(BaseModel):
    """The part of metav1.ObjectMeta that decisions look at; the rest is the API server's."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, defer_build=True
    )

    name: str
    namespace: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    labels: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """One column of `kubectl get` (`additionalPrinterColumns`); priority 1 shows with -o wide."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


TENANT = Column("Tenant", ".metadata.namespace", priority=1)
CREATED = Column("Created", ".metadata.creationTimestamp", priority=1)
IN_EVERY_TABLE = (TENANT, CREATED)
"""What lists are sorted by: the server's own Age is rounded, and -A names no namespace."""


LONGEST_NAME = 200
"""Events are named after an object, with more behind it; Kubernetes ends names at 253."""


@dataclass(frozen=True)
class Served:
    """How the API server offers a kind."""

    plural: str
    short_names: tuple[str, ...]
    description: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    """JSON paths that `--field-selector` understands (KEP-4358), at most 8."""
    period: str = ".status.period"
    """The JSON path, selectable as well, that lists go by."""
    open_work: str | None = None
    """Field selector of the objects that still need the operator; None: it never watches them."""
    categories: tuple[str, ...] = field(default=("amends",))
    longest_name: int = LONGEST_NAME
    """Characters of metadata.name."""


class Status(Wire):
    """What the status of every kind has. Only the operator writes it."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="The generation of spec that this status is about."
    )
    period: Period | None = Field(
        default=None, description="The four hours (UTC) of its creation: lists go by them."
    )


class Resource(BaseModel):
    """One object of one kind. Unknown metadata is ignored, unknown spec and status are not."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        defer_build=True,
    )

    SERVED: ClassVar[Served]
    RULES: ClassVar[Iterable[Rule]] = ()
    """Rules over the whole object; they see spec and status together."""

    metadata: ObjectMeta
    spec: Wire
    status: Wire | None = Field(default=None)

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """The object behind what the API server sent.

        Raises:
            pydantic.ValidationError: it does not fit this version's schema.
        """
        return cls.model_validate(raw)
