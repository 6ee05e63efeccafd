"""What the API server refuses to a tenant's account, in words that name what would let it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from amends.ports import Rejected, Work

_MAY_NOT = re.compile(r'cannot ([\w:-]+) resource "([^"]+)" in API group "([^"]*)"')


@dataclass(frozen=True)
class Right:
    """What an account lacks."""

    verb: str
    resource: str
    group: str


def lacking(why: Rejected, work: Work, fix: Callable[[Right], str]) -> str | None:
    """Which right the attempt's account lacks, and what gives it; None if it lacks none.

    fix: goes on from "may not", as in "may not get pods: …".
    """
    found = _MAY_NOT.search(why.answer) if why.status == 403 else None
    if found is None:
        return None
    account, right = work.service_account, Right(*found.groups())
    if right.verb.startswith("impersonate"):
        return (
            f"the operator may not act as service account {account} of namespace "
            f'{work.namespace}: give it a Role there with {{apiGroups: [""], resources: '
            f"[serviceaccounts], resourceNames: [{account}], verbs: [impersonate]}}"
        )
    return f"service account {account} may not {fix(right)}"
