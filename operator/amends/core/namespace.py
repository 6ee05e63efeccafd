"""What a tenant chooses for itself, with annotations of its Namespace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

RETENTION = "amends.dev/retention"
DUPLICATE_WINDOW = "amends.dev/duplicate-window"

KEEP_ALL = timedelta(0)
DEFAULT_DUPLICATE_WINDOW = timedelta(minutes=10)

_DURATION = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


@dataclass(frozen=True)
class NamespacePolicy:
    """The choices, the operator's defaults filled in. Build it with `of`.

    retention: how long settled records stay; zero keeps all. duplicate_window: how far apart two
    Actions may be and still be told of as possible duplicates; zero turns it off. problems: what is
    wrong with an annotation, for whoever wrote it.
    """

    retention: timedelta
    duplicate_window: timedelta
    problems: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, annotations: Mapping[str, str], retention: timedelta = KEEP_ALL
    ) -> "NamespacePolicy":
        """The annotations over the operator's defaults.

        A text that is no duration is never guessed at: it keeps all records, and the window is as
        if the annotation were not there.
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

        return cls(
            chosen(RETENTION, retention, KEEP_ALL, "nothing is deleted here"),
            chosen(
                DUPLICATE_WINDOW,
                DEFAULT_DUPLICATE_WINDOW,
                DEFAULT_DUPLICATE_WINDOW,
                "the window is 10m",
            ),
            tuple(problems),
        )


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
