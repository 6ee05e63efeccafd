"""What every fault can tell: how often it has struck, and whether it has at all."""

from collections import Counter
from typing import Any


class Striker:
    """Something that goes wrong, and counts how often."""

    struck: Counter[Any]
    """How often, by what was asked."""

    @property
    def total(self) -> int:
        """How often it has struck."""
        return self.struck.total()

    def unharmed(self) -> list[str]:
        """What it was to strike, and has not."""
        return [] if self.total else ["the fault was never injected"]
