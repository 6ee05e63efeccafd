"""What a namespace demands of approvals, as `show` and `approve` tell it."""

import pytest

from support.golden import assert_golden, lasting, timeless
from support.plugin import Plugin
from support.stages import awaiting
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def strict(installed: Installed) -> Tenant:
    """A namespace that asks for two people, one of each group, today."""
    demanded = {
        "amends.dev/approvers": "2",
        "amends.dev/approver-groups": "tenant-a,security",
        "amends.dev/approval-validity": "24h",
    }
    made = installed.tenant("strict", annotations=demanded)
    awaiting(made)
    return made


def test_the_story_says_which_rule_asks_for_what(strict: Tenant) -> None:
    ended = Plugin.of(strict, "alice", 80).run("show", "undo-post")

    assert (ended.code, ended.err) == (0, "")
    assert_golden("cli/show-floors-80.txt", timeless(ended.out))


def test_who_is_about_to_approve_is_told_what_is_missing_besides(strict: Tenant) -> None:
    ended = Plugin.of(strict, "alice", 80).run("approve", "undo-post")

    assert_golden("cli/approve-floors-80.txt", lasting(ended.err))
    assert strict.every("Approval") == []
