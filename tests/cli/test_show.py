"""`kubectl amends show`: what a person on call reads, as the installed script prints it."""

import json

import pytest
import yaml

from support import manifests, scene
from support.golden import assert_golden, timeless
from support.plugin import Ended, Plugin
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

WIDTHS = (80, 120)
STORIES = (
    "compensation/refund-charge",
    "compensation/cancel-courier",
    "compensation/release-seat",
    "dead-letter/dead-letter-effect-announce-sale",
    "dead-letter/dead-letter-effect-charge-card",
    "action/charge-card",
    "approval/alice-approves-refund-charge",
    "disposition/alice-ignores",
    "receipt/effect-charge-card-1",
)


def show(tenant: Tenant, *arguments: str, columns: int = 80, user: str = "alice") -> Ended:
    return Plugin.of(tenant, user, columns).run("show", *arguments)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("what", STORIES)
def test_it_tells_the_story_of_an_object(checkout: Tenant, what: str, columns: int) -> None:
    ended = show(checkout, what, columns=columns)

    assert (ended.code, ended.err) == (0, "")
    name = what.replace("/", "-").replace("dead-letter-dead-letter", "dead-letter")
    assert_golden(f"cli/show-{name}-{columns}.txt", timeless(ended.out))


def test_a_command_to_type_next_is_never_folded(checkout: Tenant) -> None:
    ended = show(checkout, "dead-letter/dead-letter-effect-announce-sale", columns=40)

    assert (
        "  kubectl amends dispose dead-letter-effect-announce-sale -n checkout "
        '--choice Resolve --reason "…"\n' in ended.out
    )


def test_a_name_alone_is_found_among_the_kinds(checkout: Tenant) -> None:
    ended = show(checkout, "refund-charge")

    assert ended.code == 0
    assert ended.out.startswith(
        "compensation refund-charge in namespace checkout: AwaitingApproval"
    )


def test_a_name_that_several_kinds_have_is_ambiguous(tenant: Tenant) -> None:
    tenant.create(manifests.action("twice"))
    tenant.create(manifests.compensation("twice"))

    ended = show(tenant, "twice")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"error: 2 objects in namespace {tenant.namespace} are called twice: say which\n"
        f"  kubectl amends show compensation/twice -n {tenant.namespace}\n"
        f"  kubectl amends show action/twice -n {tenant.namespace}\n"
    )


def test_what_is_not_there_is_named_with_what_is_similar(checkout: Tenant) -> None:
    ended = show(checkout, "compensation/refund-charges")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        "error: there is no compensation refund-charges in namespace checkout\n"
        "  similar: refund-charge\n"
        "  see them all: kubectl amends list compensations -n checkout\n"
    )


def test_a_name_that_no_kind_has_says_where_to_look(checkout: Tenant) -> None:
    ended = show(checkout, "refund-chargee")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        "error: nothing in namespace checkout is called refund-chargee\n"
        "  similar: refund-charge, alice-approves-refund-charge\n"
        "  see what there is: kubectl amends list dead-letters -n checkout\n"
        "  or look in another namespace: kubectl amends show refund-chargee -n NAMESPACE\n"
    )


def test_a_word_that_is_no_kind_is_a_usage_error(checkout: Tenant) -> None:
    ended = show(checkout, "pod/x", columns=200)

    assert ended.code == 2
    assert "pod is no kind of ours" in ended.err


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
@pytest.mark.parametrize("what", ["action/charge-card", "compensation/refund-charge"])
def test_secrets_are_hidden_in_every_format(checkout: Tenant, what: str, output: str) -> None:
    ended = show(checkout, what, "-o", output)

    assert ended.code == 0
    assert scene.TOKEN not in ended.out
    assert "hunter2" not in ended.out
    assert "[redacted]" in ended.out


def test_json_and_yaml_are_the_object_and_keep_the_names_of_secrets(checkout: Tenant) -> None:
    stored = checkout.read("Compensation", "refund-charge")
    del stored["metadata"]["managedFields"]
    stored["spec"]["execution"]["http"]["body"]["password"] = "[redacted]"

    as_json = show(checkout, "compensation/refund-charge", "-o", "json")
    as_yaml = show(checkout, "compensation/refund-charge", "-o", "yaml")

    assert json.loads(as_json.out) == stored
    assert yaml.safe_load(as_yaml.out) == stored


def test_what_may_not_be_listed_is_left_out_and_said(checkout: Tenant) -> None:
    kubectl = checkout.installed.cp.kubectl
    kubectl(
        *("create", "role", "looks-at-undos", "-n", "checkout", "--verb=get,list"),
        "--resource=compensations.amends.dev,actions.amends.dev",
    )
    kubectl(
        *("create", "rolebinding", "looks-at-undos", "-n", "checkout"),
        *("--role=looks-at-undos", "--user=carol"),
    )
    try:
        ended = show(checkout, "compensation/refund-charge", user="carol")
    finally:
        kubectl("delete", "rolebinding", "looks-at-undos", "-n", "checkout")

    assert ended.code == 0
    assert (
        "Not told, because you may not list it\n"
        "  dead-letters, receipts, approvals, attestations\n" in ended.out
    )
    assert "kubectl amends approve refund-charge" in ended.out


def test_name_is_what_kubectl_takes(checkout: Tenant) -> None:
    ended = show(checkout, "refund-charge", "-o", "name")

    assert ended == Ended(0, "compensation.amends.dev/refund-charge\n", "")
    found = checkout.installed.cp.kubectl("get", ended.out.strip(), "-n", "checkout")
    assert "refund-charge" in found.stdout


def test_what_a_tenant_wrote_cannot_repaint_the_screen(tenant: Tenant) -> None:
    tenant.create(
        manifests.compensation(
            "sly", rollbackInstruction="harmless\x1b[2J\u202e [bold]words[/bold]"
        )
    )

    ended = show(tenant, "compensation/sly")

    assert "harmless\\u001b[2J\\u202e [bold]words[/bold]" in ended.out.replace("\n", " ")
