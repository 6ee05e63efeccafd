"""What a Namespace's annotations demand of approvals; what cannot be read is the strict side."""

from datetime import timedelta

import pytest

from amends.core.namespace import (
    APPROVAL_VALIDITY,
    APPROVER_GROUPS,
    APPROVERS,
    UNAPPROVED,
    Floors,
    NamespacePolicy,
    spoken,
)

STOPPED = "nothing is approved here until it is repaired"
NO_NUMBER = "is no number of people: write a number from 1 to 10"
NO_GROUPS = (
    "is no list of groups: write the names of 1 to 10 groups with commas between them, for example "
    "sre,security"
)
NEVER = (
    "lets no approval count: write how old one may be, for example 24h, or take the annotation "
    "away if that does not matter"
)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, Floors(), id="none: everything needs approval, as its plan says"),
        pytest.param({UNAPPROVED: "allow"}, Floors(unapproved=True), id="unapproved"),
        pytest.param({APPROVERS: "10"}, Floors(approvers=10), id="approvers"),
        pytest.param(
            {APPROVER_GROUPS: "sre, security,sre"},
            Floors(groups=("sre", "security")),
            id="groups: each once, without the space around them",
        ),
        pytest.param(
            {APPROVER_GROUPS: "oidc:Platform Team"},
            Floors(groups=("oidc:Platform Team",)),
            id="a group whose name has a space",
        ),
        pytest.param(
            {APPROVAL_VALIDITY: "24h"}, Floors(validity=timedelta(hours=24)), id="validity"
        ),
    ],
)
def test_annotations_set_floors(annotations: dict[str, str], expected: Floors) -> None:
    policy = NamespacePolicy.of(annotations)
    assert (policy.floors, policy.problems) == (expected, ())


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        *[
            (APPROVERS, text, f"{text!r} {NO_NUMBER}")
            for text in ("", "0", "11", "two", "1.5", "-1", " 2", "2\n", "٢", "02")
        ],
        *[
            (APPROVER_GROUPS, text, f"{text[:80]!r} {NO_GROUPS}")
            for text in ("", " ", "sre,", ",sre", "g" * 513, ",".join("abcdefghijk"))
        ],
        (APPROVAL_VALIDITY, "0", f"'0' {NEVER}"),
        (APPROVAL_VALIDITY, "0h", f"'0h' {NEVER}"),
    ],
)
def test_while_one_cannot_be_read_nothing_is_approved(name: str, text: str, why: str) -> None:
    policy = NamespacePolicy.of({name: text, UNAPPROVED: "allow"})
    said = f"annotation {name}: {why}"
    assert policy.floors == Floors(unapproved=True, unreadable=(said,))
    assert policy.problems == (f"{said}; {STOPPED}",)


def test_a_validity_that_is_no_duration_stops_approvals_too() -> None:
    (why,) = NamespacePolicy.of({APPROVAL_VALIDITY: "a day"}).floors.unreadable
    assert why.startswith(f"annotation {APPROVAL_VALIDITY}: 'a day' is no duration: ")


@pytest.mark.parametrize("text", ["Allow", "true", "", "allow "])
def test_only_allow_lets_anything_run_unapproved(text: str) -> None:
    policy = NamespacePolicy.of({UNAPPROVED: text})
    assert policy.floors == Floors()
    (problem,) = policy.problems
    assert problem == (
        f"annotation {UNAPPROVED}: {text!r} is not 'allow': write that, or take the annotation "
        "away; meanwhile every plan needs approval here"
    )


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=36), "36h"),
        (timedelta(hours=48), "2d"),
        (timedelta(milliseconds=1500), "1.5s"),
    ],
)
def test_a_duration_is_spoken_as_it_is_written(length: timedelta, text: str) -> None:
    assert spoken(length) == text
