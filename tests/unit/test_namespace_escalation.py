"""What a namespace says of escalations, and what becomes of what nobody can read."""

from datetime import timedelta

import pytest

from amends.core.escalation import Defaults
from amends.core.namespace import ESCALATE_AFTER, OWNER, WEBHOOK_SECRET, NamespacePolicy


def test_each_annotation_says_something_and_none_says_nothing() -> None:
    given = {OWNER: "payments", ESCALATE_AFTER: "30m", WEBHOOK_SECRET: "pager"}

    assert NamespacePolicy.of(given).escalation == Defaults(
        "payments", timedelta(minutes=30), "pager"
    )
    assert NamespacePolicy.of({OWNER: "sre"}).escalation == Defaults("sre")
    assert NamespacePolicy.of({}).escalation is None


@pytest.mark.parametrize(
    ("annotation", "text", "meanwhile"),
    [
        (OWNER, "a\nb", "meanwhile nobody owns what needs a person here"),
        (ESCALATE_AFTER, "soon", "meanwhile it is 1h"),
        (WEBHOOK_SECRET, "tenant-b/pager", "meanwhile nobody is told"),
    ],
)
def test_what_nobody_can_read_is_told_with_what_holds_meanwhile(
    annotation: str, text: str, meanwhile: str
) -> None:
    policy = NamespacePolicy.of({annotation: text})

    (problem,) = policy.problems
    assert problem.startswith(f"annotation {annotation}: {text!r}")
    assert meanwhile in problem
    assert policy.escalation == Defaults()
