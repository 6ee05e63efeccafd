"""What a tenant chooses for itself, with annotations of its Namespace."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from amends.core.escalation import Defaults

RETENTION = "amends.dev/retention"
DUPLICATE_WINDOW = "amends.dev/duplicate-window"
UNAPPROVED = "amends.dev/unapproved"
APPROVERS = "amends.dev/approvers"
APPROVER_GROUPS = "amends.dev/approver-groups"
APPROVAL_VALIDITY = "amends.dev/approval-validity"
FREEZE = "amends.dev/freeze"
TARGET_LIMITS = "amends.dev/target-limits"
OWNER = "amends.dev/owner"
ESCALATE_AFTER = "amends.dev/escalate-after"
WEBHOOK_SECRET = "amends.dev/escalation-webhook-secret"

ALLOW = "allow"
MOST_GROUPS = 10
LONGEST_GROUP = 512

KEEP_ALL = timedelta(0)
DEFAULT_DUPLICATE_WINDOW = timedelta(minutes=10)
DEFAULT_LIMIT = 16
MOST_LIMITS = 32

T = TypeVar("T")

_LIMIT = re.compile(r"[1-9]|[1-5][0-9]|6[0-4]")
_APPROVERS = re.compile(r"[1-9]|10")
_OWNER = re.compile(r"[^\x00-\x1f\x7f]{1,253}")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DURATION = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


@dataclass(frozen=True)
class Floors:
    """What a namespace demands of approvals, whatever a plan would be content with.

    unapproved: whether a plan may say that it needs none. approvers: the least number, None if it
    is left to the plan. groups: each of them has to be among those who approve. validity: how old
    an Approval may be when it is counted, None: as old as it likes. unreadable: annotations that
    nobody can read; while there is one, nothing is approved.
    """

    unapproved: bool = False
    approvers: int | None = None
    groups: tuple[str, ...] = ()
    validity: timedelta | None = None
    unreadable: tuple[str, ...] = ()


EVERY_OTHER = "*"


@dataclass(frozen=True)
class Limits:
    """How many attempts of a namespace may be under way at once, by target.

    of: what the namespace says of single targets. others: of every other one.
    """

    of: Mapping[str, int] = field(default_factory=dict)
    others: int = DEFAULT_LIMIT

    def at(self, target: str) -> int:
        """How many at this target."""
        return self.of.get(target, self.others)


NOTHING_IS_APPROVED = "nothing is approved here until it is repaired"


@dataclass(frozen=True)
class NamespacePolicy:
    """The choices, the operator's defaults filled in. Build it with `of`.

    retention: how long settled records stay; zero keeps all. duplicate_window: how far apart two
    Actions may be and still be told of as possible duplicates; zero turns it off. problems: what is
    wrong with an annotation, for whoever wrote it. floors: what it takes to approve something here.
    freeze: why nothing may begin here, None: it may. limits: how much may be under way at once.
    escalation: whom to tell of what needs a person, and when; None: it says nothing of that.
    """

    retention: timedelta
    duplicate_window: timedelta
    problems: tuple[str, ...] = ()
    floors: Floors = Floors()
    freeze: str | None = None
    limits: Limits = Limits()
    escalation: Defaults | None = None

    @classmethod
    def of(
        cls, annotations: Mapping[str, str], retention: timedelta = KEEP_ALL
    ) -> "NamespacePolicy":
        """The annotations over the operator's defaults.

        What cannot be read is never guessed at, and is on the strict side: all records are kept,
        nothing is approved, no plan goes without approval. Only the window is as if the annotation
        were not there: nothing depends on it but a hint.
        """
        problems: list[str] = []

        def chosen(
            name: str, default: timedelta, otherwise: timedelta, meanwhile: str
        ) -> timedelta:
            text = annotations.get(name)
            if text is None:
                return default
            try:
                return duration(text)
            except ValueError as why:
                problems.append(f"annotation {name}: {why}; meanwhile {meanwhile}")
                return otherwise

        keep = chosen(RETENTION, retention, KEEP_ALL, "nothing is deleted here")
        window = chosen(
            DUPLICATE_WINDOW,
            DEFAULT_DUPLICATE_WINDOW,
            DEFAULT_DUPLICATE_WINDOW,
            "the window is 10m",
        )
        floors = _floors(annotations, problems)
        freeze, limits = annotations.get(FREEZE), _limits(annotations, problems)
        escalation = _escalation(annotations, problems)
        return cls(keep, window, tuple(problems), floors, freeze, limits, escalation)


def _floors(annotations: Mapping[str, str], problems: list[str]) -> Floors:
    unreadable: list[str] = []

    def chosen(name: str, read: Callable[[str], T], default: T) -> T:
        if (text := annotations.get(name)) is None:
            return default
        try:
            return read(text)
        except ValueError as why:
            unreadable.append(f"annotation {name}: {why}")
            return default

    unapproved = annotations.get(UNAPPROVED)
    if unapproved not in (None, ALLOW):
        problems.append(
            f"annotation {UNAPPROVED}: {unapproved[:80]!r} is not {ALLOW!r}: write that, or take "
            "the annotation away; meanwhile every plan needs approval here"
        )
    approvers = chosen(APPROVERS, _number, None)
    groups: tuple[str, ...] = chosen(APPROVER_GROUPS, _groups, ())
    validity = chosen(APPROVAL_VALIDITY, _validity, None)
    problems.extend(f"{why}; {NOTHING_IS_APPROVED}" for why in unreadable)
    return Floors(unapproved == ALLOW, approvers, groups, validity, tuple(unreadable))


def _limits(annotations: Mapping[str, str], problems: list[str]) -> Limits:
    """What cannot be read is on the strict side: one at a time, everywhere."""
    if (text := annotations.get(TARGET_LIMITS)) is None:
        return Limits()
    found: dict[str, int] = {}
    for entry in text.split(","):
        target, _, number = entry.strip().rpartition("=")
        if not target or _LIMIT.fullmatch(number) is None or len(found) == MOST_LIMITS:
            problems.append(
                f"annotation {TARGET_LIMITS}: {text[:80]!r} is no list of limits: write up to "
                f"{MOST_LIMITS} TARGET=NUMBER, each from 1 to 64, with commas between them, for "
                "example https://api.example.com=1,*=4; meanwhile one attempt runs at a time"
            )
            return Limits(others=1)
        found[target] = int(number)
    return Limits(found, found.pop(EVERY_OTHER, DEFAULT_LIMIT))


def _escalation(annotations: Mapping[str, str], problems: list[str]) -> Defaults | None:
    """What cannot be read is as if it were not there, but still something is said."""
    owner, after, receiver = map(annotations.get, (OWNER, ESCALATE_AFTER, WEBHOOK_SECRET))
    if owner is None and after is None and receiver is None:
        return None
    if owner is not None and _OWNER.fullmatch(owner) is None:
        problems.append(
            f"annotation {OWNER}: {owner[:80]!r} is no name: write a team or a person in one line "
            "of at most 253 characters; meanwhile nobody owns what needs a person here"
        )
        owner = None
    if receiver is not None and (_NAME.fullmatch(receiver) is None or len(receiver) > 253):
        problems.append(
            f"annotation {WEBHOOK_SECRET}: {receiver[:80]!r} is no name of a Secret of this "
            "namespace; meanwhile nobody is told when something escalates here"
        )
        receiver = None
    try:
        given = duration(after) if after is not None else None
    except ValueError as why:
        problems.append(f"annotation {ESCALATE_AFTER}: {why}; meanwhile it is 1h")
        given = None
    return Defaults(owner, given, receiver)


def _number(text: str) -> int | None:
    if _APPROVERS.fullmatch(text) is None:
        raise ValueError(f"{text[:80]!r} is no number of people: write a number from 1 to 10")
    return int(text)


def _groups(text: str) -> tuple[str, ...]:
    """Each once, in the order in which they are written."""
    groups = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(0 < len(name) <= LONGEST_GROUP for name in groups) or len(groups) > MOST_GROUPS:
        raise ValueError(
            f"{text[:80]!r} is no list of groups: write the names of 1 to {MOST_GROUPS} groups "
            "with commas between them, for example sre,security"
        )
    return groups


def _validity(text: str) -> timedelta | None:
    if (validity := duration(text)) == timedelta(0):
        raise ValueError(
            f"{text!r} lets no approval count: write how old one may be, for example 24h, or take "
            "the annotation away if that does not matter"
        )
    return validity


def duration(text: str) -> timedelta:
    """A whole number with its unit (s, m, h, d), or 0.

    Raises:
        ValueError: it is neither; the message names the text and the fix.
    """
    if text == "0":
        return timedelta(0)
    if (found := _DURATION.fullmatch(text)) is None:
        raise ValueError(
            f"{text[:80]!r} is no duration: write a number of at most 9 digits and s, m, h or d "
            "without a space, for example 30d or 10m, or 0"
        )
    return int(found["count"]) * _UNITS[found["unit"]]


def spoken(duration: timedelta) -> str:
    """The shortest text that `duration` reads as this, for one of whole seconds."""
    for unit, length in reversed(_UNITS.items()):
        if duration % length == timedelta(0):
            return f"{duration // length}{unit}"
    return f"{duration.total_seconds():g}s"
