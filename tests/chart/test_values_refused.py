"""A typing error in the values is refused by the name of the key, before anything is installed."""

from typing import Any

import pytest

from chart.helm import CHART, Helm, HelmFailed
from chart.value_sets import SETS

pytestmark = pytest.mark.timeout(900)  # the first of these tests may have to build helm

ROWS = [
    ("a value that does not exist", {"replicacount": 3}, "properties 'replicacount' not allowed"),
    (
        "a nested value that does not exist",
        {"operator": {"retentoin": "90d"}},
        "at '/operator': additional properties 'retentoin' not allowed",
    ),
    (
        "a tenant's value that does not exist",
        {"tenants": {"checkout": {"approver": {"groups": ["sre"]}}}},
        "at '/tenants/checkout': additional properties 'approver' not allowed",
    ),
    ("a wrong type", {"replicaCount": "two"}, "at '/replicaCount': got string, want integer"),
    (
        "a number where Kubernetes wants text",
        {"podAnnotations": {"a": 1}},
        "at '/podAnnotations/a': got number, want string",
    ),
    (
        "a wrong word",
        {"admission": {"stamp": "yes"}},
        "at '/admission/stamp': value must be one of 'auto', 'always', 'never'",
    ),
    ("no duration", {"operator": {"retention": "30 days"}}, "at '/operator/retention': '30 days'"),
    (
        "a lease that client-go would refuse",
        {"operator": {"leaseSeconds": 2}},
        "at '/operator/leaseSeconds': minimum: got 2, want 3",
    ),
    (
        "a target with a path, which would never match",
        {"operator": {"allowTargets": ["https://a.example.com/x"]}},
        "at '/operator/allowTargets/0': 'https://a.example.com/x'",
    ),
    (
        "a person as GitOps agent",
        {"admission": {"gitopsAgents": ["alice"]}},
        "at '/admission/gitopsAgents/0': 'alice'",
    ),
    (
        "an expression as GitOps agent",
        {"admission": {"gitopsAgents": ["system:serviceaccount:a:b'] + ['x"]}},
        "at '/admission/gitopsAgents/0'",
    ),
    ("half a digest", {"image": {"digest": "sha256:12"}}, "at '/image/digest': 'sha256:12'"),
    ("no namespace", {"tenants": {"Checkout": {}}}, "invalid propertyName 'Checkout'"),
    (
        "no approver at all",
        {"tenants": {"checkout": {"approval": {"approvers": 0}}}},
        "at '/tenants/checkout/approval/approvers': minimum: got 0, want 1",
    ),
    (
        "a quota of what only the operator creates",
        {"tenants": {"checkout": {"quota": {"receipts": 5}}}},
        "at '/tenants/checkout/quota': additional properties 'receipts' not allowed",
    ),
    (
        "a label for a namespace that is not made here",
        {"tenants": {"checkout": {"org": "acme"}}},
        'run: kubectl label namespace checkout amends.dev/org="acme"',
    ),
    (
        "a floor for a namespace that is not made here",
        {"tenants": {"checkout": {"approval": {"approvers": 2}}}},
        'run: kubectl annotate namespace checkout amends.dev/approvers="2"',
    ),
    (
        "an export into a file system that nobody may write",
        {"operator": {"exportTo": "/var/lib/amends/records.jsonl"}},
        "operator.exportVolume",
    ),
    (
        "a fence that would lock the API server out",
        {"networkPolicy": {"enabled": True}},
        "networkPolicy.apiServer.cidrs is empty",
    ),
    (
        "no service account to run as",
        {"serviceAccount": {"create": False}},
        "name the service account that the operator is to run as",
    ),
    (
        "a dashboard of metrics that are not served",
        {"metrics": {"enabled": False, "dashboard": {"enabled": True}}},
        "metrics.dashboard.enabled needs metrics.enabled: true",
    ),
]


@pytest.mark.parametrize(
    ("values", "words"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_it_is_refused_with_the_name_of_the_value(
    offline: Helm, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(HelmFailed) as refused:
        offline.template(values)

    assert words in str(refused.value)


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_helm_lint_has_nothing_to_say(offline: Helm, values: dict[str, Any]) -> None:
    said = offline("lint", "--strict", "--quiet", CHART, values=values)

    assert said == ""


def test_a_chart_that_contains_this_one_may_pass_its_globals(offline: Helm) -> None:
    assert offline.template({"global": {"region": "eu"}}) == offline.template()
