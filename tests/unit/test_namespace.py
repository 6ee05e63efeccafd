"""What a Namespace's annotations choose: durations read exactly, never guessed."""

from datetime import timedelta

import pytest

from amends.core.namespace import DUPLICATE_WINDOW, KEEP_ALL, RETENTION, NamespacePolicy, duration

DEFAULT = timedelta(days=7)
WINDOW = timedelta(minutes=10)
NOTHING_GOES = "meanwhile nothing is deleted here"
NO_DURATION = (
    "is no duration: write a number of at most 9 digits and s, m, h or d without a space, for "
    "example 30d or 10m, or 0"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", timedelta(0)),
        ("45s", timedelta(seconds=45)),
        ("10m", timedelta(minutes=10)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("999999999d", timedelta(days=999999999)),
        ("0d", timedelta(0)),
    ],
)
def test_a_duration_is_a_whole_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "30",
        "30 d",
        "1.5h",
        "-1d",
        "+1d",
        "1w",
        "1D",
        "d",
        "1h30m",
        "30d\n",
        "٣d",
        "P30D",
        "1234567890s",
    ],
)
def test_anything_else_is_refused_with_the_fix(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration") as refused:
        duration(text)
    assert str(refused.value) == f"{text!r} {NO_DURATION}"


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, NamespacePolicy(DEFAULT, WINDOW), id="none: the defaults"),
        pytest.param(
            {RETENTION: "12h", DUPLICATE_WINDOW: "1h"},
            NamespacePolicy(timedelta(hours=12), timedelta(hours=1)),
            id="both: over the defaults",
        ),
        pytest.param(
            {RETENTION: "0", DUPLICATE_WINDOW: "0"},
            NamespacePolicy(KEEP_ALL, timedelta(0)),
            id="0: keep all, and no window",
        ),
        pytest.param(
            {RETENTION: "month"},
            NamespacePolicy(
                KEEP_ALL,
                WINDOW,
                (f"annotation {RETENTION}: 'month' {NO_DURATION}; {NOTHING_GOES}",),
            ),
            id="a retention that cannot be read keeps all, whatever the operator's default",
        ),
        pytest.param(
            {DUPLICATE_WINDOW: "1"},
            NamespacePolicy(
                DEFAULT,
                WINDOW,
                (f"annotation {DUPLICATE_WINDOW}: '1' {NO_DURATION}; meanwhile the window is 10m",),
            ),
            id="a window that cannot be read is as if it were not there",
        ),
    ],
)
def test_annotations_are_read_over_the_operators_defaults(
    annotations: dict[str, str], expected: NamespacePolicy
) -> None:
    assert NamespacePolicy.of(annotations, retention=DEFAULT) == expected
