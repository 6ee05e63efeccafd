"""Asks public advisories about every package that the operator ships.

`make audit`. pip-audit does the asking. Where a source of advisories does not know the packages (an
index mirror serves none), pip-audit skips them and still ends with "no known vulnerabilities": so
its report is read here, and an answer that was never given is not taken for a good one.

    0   a source answered for every package, and knows nothing against them
    1   there are advisories; each is named
    69  no source answered for every package, so this says nothing (EX_UNAVAILABLE of sysexits.h)
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from lock import LOCK

SOURCES = ("pypi", "osv")
UNAVAILABLE = os.EX_UNAVAILABLE
_SECONDS = 300
_SHOWN = 5


class Advisory(TypedDict):
    """What pip-audit says of one advisory, as far as it is read here."""

    id: str
    fix_versions: list[str]


class Audited(TypedDict, total=False):
    """What pip-audit says of one package: its advisories, or why it was skipped."""

    name: str
    version: str
    skip_reason: str
    vulns: list[Advisory]


@dataclass(frozen=True)
class Answer:
    """What one source said of a lock."""

    advisories: tuple[str, ...]
    unanswered: tuple[str, ...]
    """The packages that it said nothing about."""

    @property
    def complete(self) -> bool:
        """Whether it knew every package."""
        return not self.unanswered


def read(report: str) -> Answer | None:
    """pip-audit's JSON report as an answer; None where it ended before it wrote one."""
    if not report.strip():
        return None
    packages: list[Audited] = json.loads(report)["dependencies"]
    advisories = [
        f"{package['name']} {package['version']}: {advisory['id']}, "
        f"fixed in {', '.join(advisory['fix_versions']) or 'no version yet'}"
        for package in packages
        for advisory in package.get("vulns", [])
    ]
    unanswered = [package["name"] for package in packages if "skip_reason" in package]
    return Answer(tuple(advisories), tuple(unanswered))


def ask(source: str, lock: Path, further: Sequence[str]) -> Answer | None:
    """One source's answer about a lock; None where the source could not be reached."""
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--vulnerability-service", source, *further),
            *("--requirement", lock, "--require-hashes", "--disable-pip", "--format", "json"),
            *("--progress-spinner", "off"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    answer = read(asked.stdout)
    if answer is None:
        last = asked.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        print(f"{source}: {last[0]}", file=sys.stderr)
    return answer


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def main(arguments: Sequence[str] | None = None) -> int:
    """Asks one source after the other, until one answers for every package."""
    parser = argparse.ArgumentParser(description="Ask public advisories about the lock.")
    parser.add_argument("--lock", type=Path, default=LOCK)
    parser.add_argument("--source", choices=SOURCES, action="append", help="default: one by one")
    given, further = parser.parse_known_args(arguments)
    for source in given.source or SOURCES:
        answer = ask(source, given.lock, further)
        if answer is None:
            continue
        for advisory in answer.advisories:
            print(advisory)
        if answer.advisories:
            return 1
        if answer.complete:
            print(f"{source} knows nothing against the packages of {given.lock.name}.")
            return 0
        print(f"{source} does not know {_few(answer.unanswered)}", file=sys.stderr)
    print(
        f"No source of advisories answered for every package of {given.lock.name}: this says "
        f"nothing about them. Run it where one can be reached (status {UNAVAILABLE}).",
        file=sys.stderr,
    )
    return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
