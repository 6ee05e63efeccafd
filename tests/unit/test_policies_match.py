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
from amends.core.namespace import (
    APPROVAL_VALIDITY,
    APPROVER_GROUPS,
    APPROVERS,
    DUPLICATE_WINDOW,
    ESCALATE_AFTER,
    FREEZE,
    OWNER,
    RETENTION,
    TARGET_LIMITS,
    UNAPPROVED,
    WEBHOOK_SECRET,
    NamespacePolicy,
    duration,
)
from amends.core.served.crds import custom_resource_definitions

POLICIES = Path(__file__).parents[2] / "operator/amends/admission"
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


@pytest.mark.parametrize(
    ("file", "name"),
    [("stamp.yaml", "amends-stamp-requester"), ("prove.yaml", "amends-prove-requester")],
)
def test_the_policies_for_the_requester_know_every_field_of_the_plan(file: str, name: str) -> None:
    condition = policy(file, name)["matchConditions"][-1]["expression"]
    of_actions, of_compensations = (
        compared(part) for part in condition.split("== 'actions'")[1].split(" : ")
    )

    assert of_compensations == sorted(
        field.alias or name
        for name, field in CompensationSpec.model_fields.items()
        if name not in CompensationSpec.NOT_PLAN
    ), f"list every field of the plan, and no other, in {file}"
    assert of_actions == ["compensation", "retry"]
    assert set(of_actions) < set(ActionSpec.model_fields)


def test_the_policy_for_secrets_and_accounts_knows_every_place_for_them() -> None:
    spec = policy("may-use.yaml", "amends-may-use")
    served = {
        (definition["spec"]["names"]["plural"], place)
        for definition in custom_resource_definitions()
        for place in _places("spec", _spec(definition))
        if definition["spec"]["names"]["plural"] not in ONLY_BY_THE_OPERATOR
    }
    secrets = {place for _, place in served if not place.endswith(".serviceAccountName")}
    accounts = {place for _, place in served if place.endswith(".serviceAccountName")}
    variables = {one["name"]: one["expression"] for one in spec["variables"]}
    requests = set(re.findall(r"'(spec[\w.]+)'", variables["places"]))
    asked = {one["expression"] for one in spec["validations"]}

    assert resources(spec) == sorted({plural for plural, _ in served})
    credentials = re.findall(r"\['([\w.]+)', ", variables["credentials"])
    plug_ins = re.findall(r"'(spec[\w.]+)\[", variables["plugIns"])
    with_body = {request for request in requests if not request.endswith("verify.http")}
    assert secrets == {
        *(f"{request}.headers[].valueFrom.secretKeyRef" for request in requests),
        *(f"{request}.{field}" for request in requests for field in credentials),
        *(f"{request}.bodyFrom[].secretKeyRef" for request in with_body),
        *(f"{place}[].secretKeyRef" for place in plug_ins),
    }
    assert [
        one.replace("?", "") for one in re.findall(r"object\.([\w.?]+)\.orV", variables["requests"])
    ] == re.findall(r"'(spec[\w.]+)'", variables["places"])
    assert accounts == {
        place for place in accounts for one in asked if f"!object.{_optional(place)}.hasV" in one
    }


def _optional(place: str) -> str:
    first, *rest = place.split(".")
    return ".".join([first, *(f"?{step}" for step in rest)])


def _places(path: str, schema: dict[str, Any]) -> Iterator[str]:
    names_a_secret = schema.get("properties", {}).keys() == {"name", "key"}
    if names_a_secret or path.endswith(".serviceAccountName"):
        yield path
    if "items" in schema:
        yield from _places(f"{path}[]", schema["items"])
    for name, field in schema.get("properties", {}).items():
        yield from _places(f"{path}.{name}", field)


def test_what_is_sent_is_new_if_any_place_for_a_secret_or_an_account_is() -> None:
    condition = policy("may-use.yaml", "amends-may-use")["matchConditions"][-1]["expression"]

    assert compared(condition) == [
        *("compensation", "execution", "retry", "serviceAccountName", "verify"),
    ]


def test_the_policy_against_deep_json_knows_every_kind_that_may_hold_it() -> None:
    kinds = {
        definition["spec"]["names"]["plural"]
        for definition in custom_resource_definitions()
        if any(_free_form("spec", _spec(definition)))
    }

    assert resources(policy("shallow.yaml", "amends-shallow-json")) == sorted(
        kinds - ONLY_BY_THE_OPERATOR
    )


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
EVERY = [
    RETENTION,
    DUPLICATE_WINDOW,
    UNAPPROVED,
    APPROVERS,
    APPROVER_GROUPS,
    APPROVAL_VALIDITY,
    FREEZE,
    TARGET_LIMITS,
    OWNER,
    ESCALATE_AFTER,
    WEBHOOK_SECRET,
]


def test_the_policy_for_annotations_knows_each_of_them() -> None:
    (condition,) = ANNOTATIONS["matchConditions"]
    variables = {one["name"]: one["expression"] for one in ANNOTATIONS["variables"]}
    named = r"'(amends\.dev/[\w-]+)'"

    assert re.findall(named, condition["expression"]) == EVERY
    assert re.findall(named, variables["wrong"])[: len(EVERY)] == EVERY
    assert re.findall(named, variables["fixes"]) == EVERY


def pattern(beginning: str) -> str:
    """The one regular expression of the policy that begins like this."""
    (wrong,) = (one["expression"] for one in ANNOTATIONS["variables"] if one["name"] == "wrong")
    found = [one for one in re.findall(r"matches\('(.+?)'\)", wrong) if one.startswith(beginning)]
    (one,) = found
    return str(one)


@pytest.mark.parametrize("count", ["0", "007", "1", "999999999"])
@pytest.mark.parametrize("unit", ["", "s", "m", "h", "d"])
def test_the_operator_can_read_what_the_policy_for_annotations_lets_in(
    count: str, unit: str
) -> None:
    text = count + unit
    is_duration = unit != "" or count == "0"
    is_validity = unit != "" and count != "0"

    assert bool(re.fullmatch(pattern("^(0|["), text, re.ASCII)) is is_duration
    assert (
        bool(re.fullmatch(pattern("^[0-9]{"), text, re.ASCII))
        and not re.fullmatch(pattern("^0+"), text, re.ASCII)
    ) is is_validity
    if is_duration:
        assert duration(text) >= timedelta(0)
    assert bool(NamespacePolicy.of({APPROVAL_VALIDITY: text}).problems) is not is_validity


@pytest.mark.parametrize("text", [*map(str, range(13)), "", "01", "010", "1 ", "x"])
def test_the_operator_can_read_every_number_of_approvers_that_the_policy_lets_in(text: str) -> None:
    is_let_in = bool(re.fullmatch(pattern("^([1-9]"), text, re.ASCII))

    assert bool(NamespacePolicy.of({APPROVERS: text}).problems) is not is_let_in
