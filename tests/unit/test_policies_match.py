"""Where a policy repeats what the types say, both say the same."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from amends.api import KINDS
from amends.api.action import ActionSpec
from amends.api.compensation import CompensationSpec
from amends.core.namespace import DUPLICATE_WINDOW, RETENTION, duration
from amends.core.served.crds import custom_resource_definitions

POLICIES = Path(__file__).parents[2] / "charts/amends/files/policies"
ONLY_BY_THE_OPERATOR = {"deadletters", "receipts"}


def policy(file: str, name: str) -> dict[str, Any]:
    """The spec of one policy."""
    (found,) = (
        one["spec"]
        for one in yaml.safe_load_all((POLICIES / file).read_text())
        if one["metadata"]["name"] == name and not one["kind"].endswith("Binding")
    )
    return dict(found)


def resources(spec: dict[str, Any]) -> list[str]:
    """The kinds that a policy looks at."""
    (rule,) = spec["matchConstraints"]["resourceRules"]
    return sorted(rule["resources"])


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("stamp.yaml", "amends-stamp-actor"),
        ("prove.yaml", "amends-prove-actor"),
        ("people-decide.yaml", "amends-people-decide"),
    ],
)
def test_every_kind_of_decision_is_stamped_and_proved(file: str, name: str) -> None:
    decisions = [kind.SERVED.plural for kind in KINDS if "decisions" in kind.SERVED.categories]

    assert resources(policy(file, name)) == sorted(decisions)


def compared(condition: str) -> list[str]:
    """The fields of spec that are asked whether they are as they were."""
    pairs = re.findall(r"object\.spec\.\?(\w+) == oldObject\.spec\.\?(\w+)", condition)
    assert all(new == old for new, old in pairs)
    return sorted(new for new, _ in pairs)


def test_the_policy_that_stamps_the_requester_knows_every_field_of_the_plan() -> None:
    (condition,) = policy("stamp.yaml", "amends-stamp-requester")["matchConditions"]
    of_actions, of_compensations = (
        compared(part) for part in condition["expression"].split("== 'actions'")[1].split(" : ")
    )

    assert of_compensations == sorted(
        field.alias or name
        for name, field in CompensationSpec.model_fields.items()
        if name not in CompensationSpec.NOT_PLAN
    ), "list every field of the plan, and no other, in stamp.yaml"
    assert of_actions == ["compensation", "retry"]
    assert set(of_actions) < set(ActionSpec.model_fields)


def test_the_policy_against_deep_json_knows_every_place_for_it() -> None:
    spec = policy("shallow.yaml", "amends-shallow-json")
    places = {
        (definition["spec"]["names"]["plural"], place)
        for definition in custom_resource_definitions()
        for place in _free_form("spec", _spec(definition))
        if definition["spec"]["names"]["plural"] not in ONLY_BY_THE_OPERATOR
    }

    (variable,) = spec["variables"]
    known = re.findall(r"object\.([\w.?]+)\.orValue\(null\)", variable["expression"])

    assert resources(spec) == sorted({plural for plural, _ in places})
    assert sorted(one.replace("?", "") for one in known) == sorted({place for _, place in places})


def _spec(definition: dict[str, Any]) -> dict[str, Any]:
    (version,) = definition["spec"]["versions"]
    return dict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def _free_form(path: str, schema: dict[str, Any]) -> Iterator[str]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        yield path
    if "items" in schema:
        yield from _free_form(f"{path}[]", schema["items"])
    for name, field in schema.get("properties", {}).items():
        yield from _free_form(f"{path}.{name}", field)


ANNOTATIONS = policy("annotations.yaml", "amends-namespace-annotations")


def test_the_policy_for_annotations_knows_each_of_them() -> None:
    (condition,) = ANNOTATIONS["matchConditions"]
    for expression in (condition["expression"], ANNOTATIONS["variables"][0]["expression"]):
        listed = re.findall(r"'(amends\.dev/[\w-]+)'", expression)
        assert sorted(listed) == sorted([RETENTION, DUPLICATE_WINDOW])


@pytest.mark.parametrize("count", ["0", "007", "1", "999999999"])
@pytest.mark.parametrize("unit", ["", "s", "m", "h", "d"])
def test_the_operator_can_read_what_the_policy_for_annotations_lets_in(
    count: str, unit: str
) -> None:
    (pattern,) = re.findall(r"matches\('(.+)'\)", ANNOTATIONS["variables"][0]["expression"])
    text = count + unit

    assert bool(re.fullmatch(pattern, text, re.ASCII)) is (unit != "" or count == "0")
    if unit or count == "0":
        assert duration(text) >= timedelta(0)
