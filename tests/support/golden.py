"""Text that is compared as a whole with a file; AMENDS_GOLDEN=write makes the files anew."""

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AGE_AND_CREATED = re.compile(
    r"(?:(?:\d+[smhd])+ +20\d\d-\d\d-\d\dT[\d:]+Z|AGE +CREATED)$", re.MULTILINE
)
_AGE = re.compile(r"  (?:\d+[smhd])+$", re.MULTILINE)
_WHEN = re.compile(r"(?!2026-01-31|2099-)20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC \([^)]*\)")
_AWAY = re.compile(r"\((?:in\s+)?\d+\s+(?:d|h|min|s)(?:\s+ago)?\)|^ *\d+ d(?=   )", re.MULTILINE)
_DAYS = re.compile(r"\(in \d+\s+d\)")


def lasting(text: str) -> str:
    """The text with what differs from run to run replaced by as many characters."""
    digits = str.maketrans("123456789abcdef", "0" * 15)
    same = _UID.sub(lambda found: found[0].translate(digits), text)
    return _DAYS.sub(lambda found: re.sub(r"\d", "0", found[0]), same)


def timeless(text: str) -> str:
    """The text without what the server's clock, or ours, has put into it."""
    same = _AGE_AND_CREATED.sub("AGE  CREATED", lasting(text))
    same = _AGE.sub("  AGE", same)
    same = _WHEN.sub("0000-00-00 00:00:00 UTC (now)", same)
    return _AWAY.sub(lambda found: re.sub(r"\d", "0", found[0]), same)


def assert_golden(name: str, text: str) -> None:
    """The text is the one in tests/golden."""
    file = GOLDEN / name
    if os.environ.get("AMENDS_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
