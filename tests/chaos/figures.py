"""What a campaign found out, how it is printed, and how it is kept for the documentation."""

import json
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Numbers = Sequence[tuple[str, float]]
"""What was counted or measured, in words, and how much of it."""


@dataclass(frozen=True)
class Figures:
    """The result of one campaign.

    command: what makes it again, as `make chaos ARGS=...` takes it. broken: a line or more for
    every invariant that did not hold; none: all of them held. logs: what its operators have said.
    """

    campaign: str
    command: str
    seed: int
    seconds: float
    numbers: Numbers
    broken: Sequence[str] = ()
    logs: Path | None = None

    def told(self) -> str:
        """As plain lines."""
        head = f'{self.campaign}: {self.seconds:.0f} s, make chaos ARGS="{self.command}"'
        rows = [f"  {text:<64}{number:>10,g}" for text, number in self.numbers]
        kept = [f"The logs are in {self.logs}"] if self.broken and self.logs is not None else []
        return "\n".join([head, *rows, *(f"BROKEN {one}" for one in self.broken), *kept])

    def add_to(self, report: Path) -> None:
        """Append it to the file as a line of JSON."""
        with report.open("a") as lines:
            lines.write(json.dumps(asdict(self), default=str) + "\n")

    def drop_logs(self) -> None:
        """Nobody has to read them, for everything held."""
        if self.logs is not None and not self.broken:
            shutil.rmtree(self.logs)


def folder_for(campaign: str) -> Path:
    """Where its logs are to lie: the folder stays if it ends without figures."""
    return Path(tempfile.mkdtemp(prefix=f"amends-{campaign}-"))


def seed_of(given: int | None) -> int:
    """The seed of this run: the one that is given, or else a new one."""
    return given if given is not None else random.SystemRandom().randrange(1_000_000)


def summary(found: Sequence[Figures]) -> str:
    """One line for each campaign."""
    rows = [
        f"{one.campaign:<20}{one.seconds:>8.0f} s{one.seed:>10}  "
        + (f"{len(one.broken)} broken" if one.broken else "held")
        for one in found
    ]
    return "\n".join([f"{'campaign':<20}{'took':>10}{'seed':>10}  invariants", *rows])
