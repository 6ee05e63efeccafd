"""One change to one object of the tenant's namespace, as people write it down."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from amends.api.wire import FreeForm, Name, Rule, Wire, atomic

_TEXT = {"type": "string", "maxLength": 317}

Manifest = Annotated[
    dict[str, Any],
    Field(
        json_schema_extra={
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            # Declared, so that rules can see them.
            "properties": {
                "apiVersion": {**_TEXT, "description": "The same as apiVersion beside manifest."},
                "kind": {**_TEXT, "description": "The same as kind beside manifest."},
                "metadata": {
                    "description": "Without a namespace; the name may be left out.",
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {
                        "name": {**_TEXT, "description": "The same as name beside manifest."},
                        "namespace": {**_TEXT, "description": "Leave it out."},
                    },
                },
            },
        }
    ),
]
"""An object, or the part of it that is to be so. apiVersion, kind and name may be left out."""


class ChangeOperation(StrEnum):
    """What is done to the object."""

    APPLY = "Apply"
    PATCH = "Patch"
    DELETE = "Delete"


class PreviewDrift(StrEnum):
    """What happens when the change would do something else than what was approved."""

    REFUSE = "Refuse"
    ALLOW = "Allow"


class Patch(Wire):
    """A patch, in exactly one of the three forms that the API server takes."""

    merge: FreeForm | None = Field(
        default=None, description="A JSON merge patch (RFC 7396): null removes a field."
    )
    strategic: FreeForm | None = Field(
        default=None,
        description="A strategic merge patch, for kinds of Kubernetes itself: merges lists by key.",
    )
    # `json` is taken by pydantic.
    json_patch: Annotated[list[FreeForm], atomic(max_items=64), Field(min_length=1)] | None = Field(
        default=None,
        alias="json",
        description="A JSON patch (RFC 6902): a list of steps with op, path and value.",
    )

    RULES: ClassVar = (
        Rule(
            "[has(self.merge), has(self.strategic), has(self.json)].filter(x, x).size() == 1",
            message=(
                "patch needs exactly one form: write merge: {...}, strategic: {...} or json: [...]"
            ),
        ),
    )


def _given(*, apply: bool, field: str, missing: str, instead: str) -> Rule:
    operation = "Apply" if apply else "Patch"
    return Rule(
        f"(self.operation == '{operation}') == has(self.{field})",
        message_expression=(
            f"self.operation == '{operation}' ? '{missing}' : "
            f"'operation ' + self.operation + ' takes no {field}: {instead}'"
        ),
    )


def _alike(field: str, path: str) -> Rule:
    steps = path.split(".")
    present = " && ".join(f"has(self.{'.'.join(steps[:n])})" for n in range(1, len(steps) + 1))
    return Rule(
        f"!({present}) || self.{path} == self.{field}",
        message_expression=(
            f"'{path} is ' + self.{path} + ', and {field} is ' + self.{field} + "
            f"': make them the same, or leave {path} out'"
        ),
        field_path=".manifest",
    )


class KubernetesExecution(Wire):
    """One object, changed as the service account of the plan.

    What the change would do now is found out by a dry run, kept in status.preview, and, unless
    previewDrift is Allow, part of what is approved.
    """

    operation: ChangeOperation = Field(description="Apply, Patch or Delete.")
    api_version: Annotated[str, Field(min_length=1, max_length=317)] = Field(
        description="apiVersion of the object, for example apps/v1."
    )
    kind: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        description="Kind of the object, for example Deployment. It must be namespaced."
    )
    name: Name = Field(description="Name of the object, in this namespace.")
    manifest: Manifest | None = Field(
        default=None,
        description="For Apply: the fields that are to be so (server-side apply). No secrets: "
        "everybody who may read this object reads them.",
    )
    patch: Patch | None = Field(
        default=None,
        description="For Patch: merge, strategic or json. No secrets: everybody who may read this "
        "object reads them.",
    )
    preview_drift: PreviewDrift = Field(
        default=PreviewDrift.REFUSE,
        description=(
            "Refuse: what the change will do is part of what is approved, and where that has "
            "changed it is approved anew. Allow: it is done whatever it changes by then."
        ),
    )

    RULES: ClassVar = (
        _given(
            apply=True,
            field="manifest",
            missing="operation Apply needs manifest: write the fields that are to be so",
            instead="leave manifest out, or choose operation Apply",
        ),
        _given(
            apply=False,
            field="patch",
            missing="operation Patch needs patch: write merge: {...}, strategic: {...} or "
            "json: [...] there",
            instead="leave patch out, or choose operation Patch",
        ),
        _alike("apiVersion", "manifest.apiVersion"),
        _alike("kind", "manifest.kind"),
        _alike("name", "manifest.metadata.name"),
        Rule(
            "!(has(self.manifest) && has(self.manifest.metadata) && "
            "has(self.manifest.metadata.__namespace__))",
            message_expression=(
                "'manifest.metadata.namespace is ' + self.manifest.metadata.__namespace__ + "
                "': leave it out, the object is always one of this namespace'"
            ),
            field_path=".manifest",
        ),
        Rule(
            "self.apiVersion != 'amends.dev' && !self.apiVersion.startsWith('amends.dev/')",
            message_expression=(
                "'apiVersion ' + self.apiVersion + ' is of Amends itself, whose records no undo "
                "may change: name an object of another API group'"
            ),
            field_path=".apiVersion",
        ),
    )

    @property
    def refuses_drift(self) -> bool:
        """Whether what it would do is part of what is approved."""
        return self.preview_drift is PreviewDrift.REFUSE
