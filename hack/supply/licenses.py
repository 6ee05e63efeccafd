"""Lists the licence of every package that the operator ships, and fails on one not agreed to.

`make licenses`. The names are those that the packages declare of themselves, so a licence may
stand here in two spellings. A package that declares none is refused as UNKNOWN.

    0   every licence is allowed
    1   some are not; each is named
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lock import LOCK, Locked, locked

ALLOWED = frozenset(
    {
        "Apache-2.0",
        "Apache Software License",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD License",
        "ISC License (ISCL)",
        "MIT",
        "MIT License",
        "PSF-2.0",
        "Python Software Foundation License",
    }
)
"""Permissive licences: they ask for their notice, and nothing of what is built with them."""

AGREED = {
    # Copyleft for its own files alone, which are the list of authorities and a function that finds
    # it. We ship them unchanged, and their source is what is shipped.
    "certifi": "Mozilla Public License 2.0 (MPL 2.0)",
}
"""Packages whose licence is allowed for them and for nobody else."""


def objections(licenses: Mapping[str, str]) -> list[str]:
    """What is wrong with these licences, by package; every part of an expression must be allowed.

    That is stricter than the law where a package offers a choice (OR): then nobody has to choose.
    """
    return [
        f"{name} is under {license_!r}, which is not allowed: do without it, or allow the "
        f"licence in hack/supply/licenses.py with the reason"
        for name, license_ in sorted(licenses.items())
        if AGREED.get(name) != license_ and not ALLOWED.issuperset(_parts(license_))
    ]


def _parts(license_: str) -> Iterable[str]:
    return re.split(r"; | AND | OR ", license_)


def declared(packages: Iterable[Locked]) -> dict[str, str]:
    """The licence that each package declares; those for other platforms are not installed here."""
    names = [package.name for package in packages if package.meant_for_this_machine]
    command = [sys.executable, "-m", "piplicenses", "--from", "mixed", "--format", "json"]
    listed = subprocess.run(
        [*command, "--packages", *names], check=True, capture_output=True, text=True
    )
    found = {_canonical(one["Name"]): str(one["License"]) for one in json.loads(listed.stdout)}
    # What the lock says and the environment lacks has no licence that anybody could have read.
    return {name: found.get(name, "UNKNOWN") for name in names}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: Sequence[str]) -> int:
    """Prints the table, then what is wrong with it."""
    packages = locked(Path(arguments[0]) if arguments else LOCK)
    licenses = declared(packages)
    for package in packages:
        said = licenses.get(package.name, f"not for this machine: {package.requirement.marker}")
        print(f"{package.name:<22} {package.version:<12} {said}")
    wrong = objections(licenses)
    for objection in wrong:
        print(objection, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
