"""What the chart renders is what the plain files say, for whichever release."""

import inspect
from typing import Any

import pytest
import typer.main
import yaml

from amends.__main__ import run
from amends.admission import policies
from amends.cli.crds import crd_files
from chart.helm import CHART, Helm, Object, bare, only, operator, parsed
from chart.value_sets import ARGO, EVERY_OPTION, FLUX, SCHEDULED, TENANT

pytestmark = pytest.mark.timeout(900)  # the first of these tests may have to build helm

POLICY_KINDS = (
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
)
RBAC = CHART / "files/rbac"


def of(objects: list[Object], *kinds: str) -> list[Object]:
    """Those of these kinds, without what the chart says about itself, by kind and name."""
    return by_name(bare(one) for one in objects if one["kind"] in kinds)


def by_name(objects: Any) -> list[Object]:
    return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))


def plain(*names: str) -> list[Object]:
    return [one for name in names for one in parsed((RBAC / name).read_text())]


def test_the_kinds_are_the_generated_files(offline: Helm) -> None:
    rendered = of(offline.objects(), "CustomResourceDefinition")

    assert rendered == by_name(yaml.load(text, yaml.CSafeLoader) for text in crd_files().values())


def test_the_policies_are_the_plain_files(offline: Helm) -> None:
    assert of(offline.objects(), *POLICY_KINDS) == by_name(policies())


def test_account_and_rights_are_the_plain_files(offline: Helm) -> None:
    kinds = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    files = [one for one in plain("operator.yaml", "people.yaml") if one["kind"] != "Namespace"]

    assert of(offline.objects(), *kinds) == by_name(files)


def test_a_tenant_gets_the_plain_file_in_its_namespace(offline: Helm) -> None:
    without = offline.objects()
    added = [one for one in offline.objects({"tenants": {"default": {}}}) if one not in without]

    assert by_name(bare(one) for one in added) == by_name(
        {**one, "metadata": {**one["metadata"], "namespace": "default"}}
        for one in plain("tenant.yaml")
    )


def test_a_runner_of_jobs_gets_the_plain_file_and_may_be_acted_as_in_few_requests(
    offline: Helm,
) -> None:
    without = offline.objects({"tenants": {"default": {}}})
    asked = {"runner": {"jobs": True, "constrained": True}}
    added = [one for one in offline.objects({"tenants": {"default": asked}}) if one not in without]

    assert by_name(bare(one) for one in added) == by_name(
        {**one, "metadata": {**one["metadata"], "namespace": "default"}}
        for one in plain("tenant-jobs.yaml", "tenant-constrained.yaml")
    )


def test_another_release_is_named_wherever_the_plain_files_name_theirs(offline: Helm) -> None:
    account = "system:serviceaccount:platform:undo-robot"
    values = {
        "serviceAccount": {"name": "undo-robot"},
        "admission": {"gitopsAgents": [FLUX, ARGO]},
        "tenants": {"default": {}},
    }

    rendered = offline.objects(values, release="undo", namespace="platform")

    assert of(rendered, *POLICY_KINDS) == by_name(policies(account, (FLUX, ARGO)))
    assert "amends-system" not in str([one for one in rendered if one["kind"] not in POLICY_KINDS])
    for one in rendered:
        for subject in one.get("subjects", ()):
            assert (subject["name"], subject["namespace"]) == ("undo-robot", "platform")
    pod = only(rendered, "Deployment")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "undo-robot"
    assert {f"--gitops-agent={FLUX}", f"--gitops-agent={ARGO}"} <= set(operator(rendered)["args"])


@pytest.mark.parametrize(
    ("stamp", "served", "stamped"),
    [
        pytest.param("auto", True, True, id="auto, from 1.36 on"),
        pytest.param("auto", False, False, id="auto, below 1.36: the proof alone"),
        pytest.param("always", False, True, id="always"),
        pytest.param("never", True, False, id="never"),
    ],
)
def test_the_stamp_comes_where_the_cluster_serves_it(
    offline: Helm, stamp: str, served: bool, stamped: bool
) -> None:
    rendered = offline.objects({"admission": {"stamp": stamp}}, stamps=served)

    wanted = [one for one in policies() if stamped or not one["kind"].startswith("Mutating")]
    assert of(rendered, *POLICY_KINDS) == by_name(wanted)


def test_what_protects_the_records_is_kept_as_long_as_they_are(offline: Helm) -> None:
    def kept(objects: list[Object]) -> set[str]:
        return {
            one["kind"]
            for one in objects
            if (one["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"
        }

    assert kept(offline.objects()) == {"CustomResourceDefinition", *POLICY_KINDS}
    assert kept(offline.objects({"crds": {"keep": False}})) == set()
    tenants = {"tenants": {"checkout": {"createNamespace": True}}}
    assert kept(offline.objects({"crds": {"keep": False}, **tenants})) == {"Namespace"}


def test_a_tenants_namespace_says_what_the_tenant_chose(offline: Helm) -> None:
    rendered = offline.objects({"tenants": {"checkout": TENANT}})

    assert bare(only(rendered, "Namespace"))["metadata"] == {
        "name": "checkout",
        "labels": {
            "amends.dev/org": "acme",
            "amends.dev/workspace": "shop",
            "team": "checkout",
        },
        "annotations": {
            "amends.dev/retention": "90d",
            "amends.dev/duplicate-window": "10m",
            "amends.dev/approvers": "2",
            "amends.dev/approver-groups": "sre,security",
            "amends.dev/approval-validity": "24h",
            "amends.dev/unapproved": "allow",
            "example.com/owner": "checkout",
        },
    }
    assert only(rendered, "RoleBinding", "amends-approver")["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "sre"},
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"},
    ]
    assert only(rendered, "RoleBinding", "amends-automation")["subjects"] == [
        {"kind": "ServiceAccount", "name": "ci", "namespace": "checkout"},
        {"kind": "ServiceAccount", "name": "bot", "namespace": "pipelines"},
    ]
    assert only(rendered, "ResourceQuota")["spec"]["hard"] == {
        "count/actions.amends.dev": "5000",
        "count/compensations.amends.dev": "500",
        "count/approvals.amends.dev": "1000",
        "count/dispositions.amends.dev": "1000",
    }


def test_every_option_of_the_operator_can_be_chosen(offline: Helm) -> None:
    alone = typer.Typer(add_completion=False)
    alone.command()(run)
    options = {name for one in typer.main.get_command(alone).params for name in one.opts}
    # In a pod there is no kubeconfig, and the namespace of the Lease is the pod's own.
    elsewhere = {"--kubeconfig", "--lease-namespace"}

    given = [argument.split("=")[0] for argument in operator(offline.objects(EVERY_OPTION))["args"]]

    assert set(given) - {"run"} == options - elsewhere


def test_without_a_choice_the_pod_runs_with_the_operators_own_defaults(offline: Helm) -> None:
    own = inspect.signature(run).parameters
    _, *arguments = operator(offline.objects())["args"]
    given = dict(argument.split("=", 1) for argument in arguments)

    listening = {given.pop("--health-listen"), given.pop("--metrics-listen")}

    assert listening == {"0.0.0.0:8080", "0.0.0.0:9090"}
    for name, value in given.items():
        default = own[name.removeprefix("--").replace("-", "_")].default
        assert (name, type(default)(value)) == (name, default)


def test_a_pod_has_the_time_to_end_what_it_does(offline: Helm) -> None:
    pod = only(offline.objects(EVERY_OPTION), "Deployment")["spec"]["template"]["spec"]

    assert pod["terminationGracePeriodSeconds"] == 46 + 15


def test_pods_are_spread_by_their_own_labels_unless_others_are_named(offline: Helm) -> None:
    def selectors(objects: list[Object]) -> list[Object]:
        pod = only(objects, "Deployment")["spec"]["template"]["spec"]
        return [one["labelSelector"]["matchLabels"] for one in pod["topologySpreadConstraints"]]

    deployment = only(offline.objects(), "Deployment")
    ours = deployment["spec"]["selector"]["matchLabels"]

    assert selectors(offline.objects()) == [ours, ours]
    assert selectors(offline.objects(SCHEDULED)) == [{"example.com/tier": "platform"}]
    assert ours.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
