"""Hands the machine's own pip settings to a build, as secrets: seen by a step, kept in no layer.

So an image can be built behind a proxy or from a company's index, and neither the repo nor the
image learns of it.
"""

import configparser
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_PASSED_ON = (
    *("index-url", "extra-index-url", "trusted-host", "proxy"),
    *("timeout", "default-timeout", "retries"),
)
_CERTIFICATE = "cert"


def secrets(folder: Path) -> Iterator[str]:
    """Arguments for a build, after writing what they name into the folder."""
    known = settings()
    passed_on = {name: text for name, text in known.items() if name in _PASSED_ON}
    if certificates := known.get(_CERTIFICATE):
        yield f"--secret=id=pip.crt,src={certificates}"
        passed_on[_CERTIFICATE] = "/etc/pip.crt"
    written = configparser.RawConfigParser()
    written["global"] = passed_on
    with (folder / "pip.conf").open("w") as file:
        written.write(file)
    yield f"--secret=id=pip.conf,src={folder / 'pip.conf'}"


def settings() -> dict[str, str]:
    """By name, as pip itself reads them; its environment counts for more than its files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found = {}
    for line in sorted(listed.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        where, _, quoted = line.partition("=")
        section, _, name = where.rpartition(".")
        if section in ("global", "install", ":env:"):
            found[name] = quoted.strip().strip("'\"").replace("\\n", "\n")
    return found
