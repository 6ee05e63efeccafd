"""`kubectl amends tree`: a run and everything that became of it."""

import pytest

from support.golden import assert_golden, timeless
from support.plugin import Ended, Plugin
from support.scenery import RUN
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane


def tree(tenant: Tenant, *arguments: str, columns: int = 80) -> Ended:
    return Plugin.of(tenant, "alice", columns).run("tree", *arguments)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_run_is_shown_with_what_became_of_each_action(checkout: Tenant, columns: int) -> None:
    ended = tree(checkout, "--run", RUN, columns=columns)

    assert (ended.code, ended.err) == (0, "")
    assert_golden(f"cli/tree-{columns}.txt", timeless(ended.out))


def test_a_run_that_nothing_belongs_to(checkout: Tenant) -> None:
    assert tree(checkout, "--run", "run-43") == Ended(
        3,
        "",
        "error: nothing in namespace checkout belongs to run run-43\n"
        "  see which runs there are: kubectl amends list actions -n checkout -o wide\n",
    )
