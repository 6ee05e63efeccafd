"""The CustomResourceDefinitions: what the API server is told about every kind, from its types."""

from collections.abc import Iterable, Mapping
from typing import Any

from amends.api import GROUP, KINDS, VERSION, Resource
from amends.api.resource import IN_EVERY_TABLE, Column
from amends.api.wire import Rule
from amends.core.machines import PHASE_MACHINES, Machine

Schema = dict[str, Any]

_KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "default",
    "required",
)
"""Keywords that mean the same to pydantic and to the API server, in the order they are written."""

_DROPPED = frozenset({"title"})


class Untranslatable(ValueError):
    """A type has a JSON schema that a structural schema cannot say."""


def custom_resource_definitions() -> list[Schema]:
    """One CustomResourceDefinition per kind, in the order of `KINDS`."""
    return [_definition(kind) for kind in KINDS]


def _definition(kind: type[Resource]) -> Schema:
    served = kind.SERVED
    version: Schema = {"name": VERSION, "served": True, "storage": True}
    selectable = (*served.selectable, served.period)
    version["selectableFields"] = [{"jsonPath": path} for path in selectable]
    columns = (*served.columns, *IN_EVERY_TABLE)
    version["additionalPrinterColumns"] = [_column(column) for column in columns]
    if _has_status(kind):
        version["subresources"] = {"status": {}}
    version["schema"] = {"openAPIV3Schema": _root(kind)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{served.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.__name__,
                "listKind": f"{kind.__name__}List",
                "plural": served.plural,
                "singular": kind.__name__.lower(),
                "shortNames": list(served.short_names),
                "categories": list(served.categories),
            },
            "versions": [version],
        },
    }


def _column(column: Column) -> Schema:
    spelled: Schema = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.priority:
        spelled["priority"] = column.priority
    return spelled


def _has_status(kind: type[Resource]) -> bool:
    return kind.model_fields["status"].annotation is not type(None)


def _root(kind: type[Resource]) -> Schema:
    """The schema of a whole object, with the rules that see spec and status together."""
    source = kind.model_json_schema(by_alias=True)
    fields = source["properties"]
    rules = [*kind.RULES, _name_is_short(kind.SERVED.longest_name)]
    properties: Schema = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
        "spec": _structural(fields["spec"], source["$defs"]),
    }
    if _has_status(kind):
        status = _structural(fields["status"], source["$defs"])
        first = kind.model_fields["status"].get_default(call_default_factory=True)
        status["default"] = first.wire()
        properties["status"] = status
        rules.append(_stays("status", called="status"))
        if machine := PHASE_MACHINES.get(kind.__name__):
            _guard_phase(status, machine)
    return {
        "description": kind.SERVED.description,
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": _spelled(rules),
        "properties": properties,
    }


def _name_is_short(longest: int) -> Rule:
    return Rule(
        f"self.metadata.name.size() <= {longest}",
        # string(number) + text is refused for its cost: the estimate takes it for unbounded.
        message_expression=(
            f"'metadata.name %s has %d characters: use at most {longest}, because names made from "
            "it are longer'.format([self.metadata.name, self.metadata.name.size()])"
        ),
        field_path=".metadata.name",
    )


def _stays(field: str, *, called: str) -> Rule:
    # Transition rules are skipped where there is no new value, so the parent has to forbid that.
    return Rule(
        f"!has(oldSelf.{field}) || has(self.{field})",
        message=f"{called} may not be removed: leave it as it is",
        reason="FieldValueForbidden",
    )


def _guard_phase(status: Schema, machine: Machine) -> None:
    """Adds the machine's table to a status schema: the first phase, the steps, and no removal."""
    phase = status["properties"]["phase"]
    rules = [_only_steps_of(machine), _starts_at_the_beginning(machine)]
    phase["x-kubernetes-validations"] = _spelled(rules)
    status["x-kubernetes-validations"] = [
        *status.get("x-kubernetes-validations", []),
        _stays("phase", called="status.phase").schema(),
    ]


def _only_steps_of(machine: Machine) -> Rule:
    # A map from phase to phases would be shorter, but from a terminal phase it fails with
    # "no such key" instead of the message.
    steps = (
        f"(oldSelf == '{before}' && self in {[str(phase) for phase in after]})"
        for before, after in machine.steps.items()
        if after
    )
    return Rule(
        " || ".join(["self == oldSelf", *steps]),
        message_expression=(
            f"'illegal {machine.noun} status transition from ' + oldSelf + ' to ' + self"
        ),
        reason="FieldValueForbidden",
    )


def _starts_at_the_beginning(machine: Machine) -> Rule:
    return Rule(
        f"oldSelf.hasValue() || self == '{machine.initial}'",
        message_expression=(
            f"'the first phase of a {machine.noun} is {machine.initial}, not ' + self + "
            "': leave status.phase out'"
        ),
        reason="FieldValueForbidden",
        optional_old_self=True,
    )


def _spelled(rules: Iterable[Rule]) -> list[Schema]:
    return [rule.schema() for rule in rules]


def _in_order(rule: Schema) -> Schema:
    """The rule as `Rule.schema` orders it; pydantic has sorted it."""
    order = ("rule", "message", "messageExpression", "reason", "fieldPath", "optionalOldSelf")
    return {key: rule[key] for key in order if key in rule}


def _structural(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The same schema as the API server takes it: no references, no null, no noise."""
    flat = _flat(node, definitions)
    if "const" in flat:
        flat["enum"] = [flat.pop("const")]
    if isinstance(flat.get("additionalProperties"), bool):
        # Pruning or preserve-unknown-fields says so already.
        del flat["additionalProperties"]
    if flat.get("default", ...) is None:
        del flat["default"]
    if "description" in flat:
        flat["description"] = _first_paragraph(flat["description"])
    if "x-kubernetes-validations" in flat:
        rules = flat["x-kubernetes-validations"]
        flat["x-kubernetes-validations"] = [_in_order(rule) for rule in rules]
        # The rule says what the pattern says, with a message for people.
        flat.pop("pattern", None)
    properties = flat.pop("properties", None)
    items = flat.pop("items", None)
    if unknown := flat.keys() - {*_KEPT, *_DROPPED}:
        raise Untranslatable(f"a structural schema has no {sorted(unknown)}: {node}")
    structural = {key: flat[key] for key in _KEPT if key in flat}
    if items is not None:
        structural["items"] = _structural(items, definitions)
    if properties is not None:
        structural["properties"] = {
            name: _structural(schema, definitions) for name, schema in properties.items()
        }
    return structural


def _flat(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The node with what it refers to put in place; what stands beside a reference wins."""
    beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        return {**_flat(target, definitions), **beside}
    if "anyOf" in node:
        choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        if len(choices) != 1:
            raise Untranslatable(f"only `X | None` has a structural schema: {node}")
        return {**_flat(choices[0], definitions), **beside}
    return beside


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n", 1)[0].split())
