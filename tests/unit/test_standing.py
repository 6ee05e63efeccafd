"""Whatever is missing from the policies on a server, or differs from ours there, is found."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from amends.admission import policies
from amends.admission.standing import BINDING, POLICY, last_change, needed, shortcomings
from support.standing import OURS, Object, stored


def on_the_server(kind: str, name: str, change: Callable[[Object], object]) -> list[Object]:
    """All of ours, one of them altered."""
    held = [stored(one) for one in OURS]
    (one,) = (one for one in held if (one["kind"], one["metadata"]["name"]) == (kind, name))
    change(one)
    return held


def test_what_stands_as_it_was_written_has_no_shortcomings() -> None:
    assert shortcomings(OURS, [stored(one) for one in OURS]) == []
    assert len(OURS) >= 14


def test_what_others_have_there_does_not_matter() -> None:
    theirs = {"kind": POLICY, "metadata": {"name": "theirs"}, "spec": {"failurePolicy": "Ignore"}}

    assert shortcomings(OURS, [theirs, *(stored(one) for one in OURS)]) == []


def test_a_stamp_is_not_needed_for_what_it_leaves_out_is_refused() -> None:
    kinds = {kind for kind, _ in needed(policies())}

    assert kinds == {POLICY, BINDING}


def test_a_server_without_any_says_so_in_one_line() -> None:
    assert shortcomings(OURS, []) == [
        *(f"{one['kind']} {one['metadata']['name']} is missing" for one in OURS[:3]),
        f"and {len(OURS) - 3} more",
    ]


def without(kind: str, name: str) -> list[Object]:
    held = [stored(one) for one in OURS]
    return [one for one in held if (one["kind"], one["metadata"]["name"]) != (kind, name)]


@pytest.mark.parametrize("one", OURS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_each_of_them_is_missed(one: Object) -> None:
    kind, name = one["kind"], one["metadata"]["name"]

    assert shortcomings(OURS, without(kind, name)) == [f"{kind} {name} is missing"]


def set_to(value: Any, *path: str | int) -> Callable[[Object], object]:
    def change(one: Object) -> None:
        place: Any = one
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


MATCH = ("spec", "matchConstraints")
ONLY_STAGING = {"matchLabels": {"env": "staging"}}
NEVER = [{"name": "never", "expression": "false"}]
EXCLUDED = [{"apiGroups": ["amends.dev"], "apiVersions": ["*"], "operations": ["*"]}]


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        pytest.param(
            POLICY,
            set_to("Ignore", "spec", "failurePolicy"),
            'has spec.failurePolicy "Ignore" instead of "Fail"',
            id="it fails open",
        ),
        pytest.param(
            POLICY,
            set_to(NEVER, "spec", "matchConditions"),
            "has spec.matchConditions, which it should not have",
            id="a condition lets everything by",
        ),
        pytest.param(
            POLICY,
            set_to(EXCLUDED, *MATCH, "excludeResourceRules"),
            "has spec.matchConstraints.excludeResourceRules, which it should not have",
            id="resources are excluded",
        ),
        pytest.param(
            POLICY,
            set_to(ONLY_STAGING, *MATCH, "namespaceSelector"),
            "has spec.matchConstraints.namespaceSelector.matchLabels, which it should not have",
            id="only some namespaces",
        ),
        pytest.param(
            POLICY,
            set_to(ONLY_STAGING, *MATCH, "objectSelector"),
            "has spec.matchConstraints.objectSelector.matchLabels, which it should not have",
            id="only some objects",
        ),
        pytest.param(
            POLICY,
            set_to("Exact", *MATCH, "matchPolicy"),
            'has spec.matchConstraints.matchPolicy "Exact" instead of "Equivalent"',
            id="only one version of a kind",
        ),
        pytest.param(
            POLICY,
            set_to("Cluster", *MATCH, "resourceRules", 0, "scope"),
            'has spec.matchConstraints.resourceRules[0].scope "Cluster" instead of "*"',
            id="the scope is narrowed",
        ),
        pytest.param(
            POLICY,
            set_to(["approvals"], *MATCH, "resourceRules", 0, "resources"),
            'has spec.matchConstraints.resourceRules[0].resources ["approvals"] instead of '
            '["approvals", "dispositions", "attestations"]',
            id="a kind is left out",
        ),
        pytest.param(
            POLICY,
            set_to("true", "spec", "validations", 2, "expression"),
            'has spec.validations[2].expression "true" instead of ours',
            id="an expression is always true",
        ),
        pytest.param(
            POLICY,
            lambda one: one["spec"]["validations"].pop(),
            "has 3 instead of 4 spec.validations",
            id="a validation is gone",
        ),
        pytest.param(
            POLICY,
            set_to({"apiVersion": "v1", "kind": "ConfigMap"}, "spec", "paramKind"),
            "has spec.paramKind, which it should not have",
            id="it takes parameters",
        ),
        pytest.param(
            POLICY,
            set_to("2026-01-31T10:00:00Z", "metadata", "deletionTimestamp"),
            "is being deleted",
            id="it is about to go",
        ),
        pytest.param(
            BINDING,
            set_to(["Warn", "Audit"], "spec", "validationActions"),
            'has spec.validationActions ["Warn", "Audit"] instead of ["Deny"]',
            id="it only warns",
        ),
        pytest.param(
            BINDING,
            set_to({"namespaceSelector": ONLY_STAGING}, "spec", "matchResources"),
            "has spec.matchResources, which it should not have",
            id="it is bound to some namespaces",
        ),
        pytest.param(
            BINDING,
            set_to({"name": "none"}, "spec", "paramRef"),
            "has spec.paramRef, which it should not have",
            id="it is bound with parameters",
        ),
        pytest.param(
            BINDING,
            set_to("theirs", "spec", "policyName"),
            'has spec.policyName "theirs" instead of "amends-prove-actor"',
            id="it binds another policy",
        ),
        pytest.param(
            BINDING,
            set_to("whatever comes", "spec", "mode"),
            "has spec.mode, which it should not have",
            id="a field that this version does not know",
        ),
    ],
)
def test_every_way_to_weaken_one_is_found(
    kind: str, change: Callable[[Object], object], words: str
) -> None:
    held = on_the_server(kind, "amends-prove-actor", change)

    assert shortcomings(OURS, held) == [f"{kind} amends-prove-actor {words}"]


def test_the_operator_of_another_namespace_is_another_operator() -> None:
    name = "amends-operator-only"
    others = [
        one
        for one in policies("system:serviceaccount:other:amends")
        if one["metadata"]["name"] == name
    ]

    assert shortcomings(others, [stored(one) for one in OURS]) == [
        f"{POLICY} {name} has another spec.validations[0].expression than ours"
    ]


def wrote(manager: str, time: str, **more: Any) -> Object:
    return {"manager": manager, "time": time, "fieldsV1": {"f:spec": {}}, **more}


@pytest.mark.parametrize(
    ("entries", "time"),
    [
        pytest.param([], "2026-01-31T09:00:00Z", id="created"),
        pytest.param(
            [wrote("helm", "2026-02-01T09:00:00Z"), wrote("kubectl-edit", "2026-02-03T09:00:00Z")],
            "2026-02-03T09:00:00Z",
            id="its spec was written",
        ),
        pytest.param(
            [
                wrote("argocd", "2026-02-03T09:00:00Z", fieldsV1={"f:metadata": {}}),
                wrote("kube-controller-manager", "2026-02-04T09:00:00Z", fieldsV1={"f:status": {}}),
            ],
            "2026-01-31T09:00:00Z",
            id="labels and status are no change",
        ),
    ],
)
def test_the_last_change_is_told_by_the_server_itself(entries: list[Object], time: str) -> None:
    changed = {"generation": 2, "managedFields": entries}
    held = on_the_server(POLICY, "amends-prove-actor", lambda one: one["metadata"].update(changed))

    assert last_change(OURS, held) == datetime.fromisoformat(time)


def test_a_write_that_changed_nothing_is_no_change() -> None:
    entry = {"time": "2026-06-01T09:00:00Z", "fieldsV1": {"f:spec": {}}}
    again = {"generation": 1, "managedFields": [entry]}
    held = on_the_server(POLICY, "amends-prove-actor", lambda one: one["metadata"].update(again))

    assert last_change(OURS, held) == datetime(2026, 1, 31, 9, tzinfo=UTC)


def test_what_others_change_is_no_change_of_ours() -> None:
    later = {"name": "theirs", "creationTimestamp": "2026-11-01T09:00:00Z"}
    held = [stored(one) for one in OURS] + [{"kind": POLICY, "metadata": later, "spec": {}}]

    assert last_change(OURS, held) == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert last_change(OURS, []) is None
