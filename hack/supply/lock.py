"""Reads requirements.lock: every package that the operator ships, pinned and hashed."""

from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parents[2]
LOCK = REPO / "requirements.lock"

_HASH = "--hash=sha256:"


@dataclass(frozen=True)
class Locked:
    """One package of the lock."""

    requirement: Requirement
    hashes: frozenset[str]
    """One sha256, in hex, for each file that may be installed."""

    @property
    def name(self) -> str:
        """Its name as indexes compare it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The one version that the lock allows."""
        (pin,) = self.requirement.specifier
        return pin.version

    @property
    def meant_for_this_machine(self) -> bool:
        """Whether this platform and Python install it at all; the lock is for every one."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate()


def locked(lock: Path = LOCK) -> list[Locked]:
    """The packages of a lock, in its order."""
    joined = lock.read_text().replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [_read(line) for line in lines]


def _read(line: str) -> Locked:
    requirement, *hashes = line.split(_HASH)
    return Locked(Requirement(requirement), frozenset(text.strip() for text in hashes))
