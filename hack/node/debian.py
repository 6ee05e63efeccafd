"""Programs of the machine's own Debian: fetched and unpacked into the cache, never installed.

A node takes from there what `go build` does not make: runc and nft need C, the CNI plug-ins and
busybox come ready. Which versions is up to the release the machine runs, as with every package of
it. Whoever else needs a package unpacked may ask here, too.

    <cache>/debian/<key>/root/   the packages' files
    <cache>/debian/<key>/lock    held by the one process that fetches
"""

import hashlib
import platform
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import build
from waiting import alone, progress, unfinished


class NoPackages(RuntimeError):
    """The packages could not be fetched or unpacked; the text holds what was said."""


def unpacked(packages: Sequence[str]) -> Path:
    """The folder with the files of these packages, and of no others: name their libraries too."""
    home = build.cache() / "debian" / _key(packages)
    root = home / "root"
    if not root.exists():
        with alone(home / "lock", "fetching packages"):
            if not root.exists():
                with progress(f"fetching {', '.join(packages)}"), unfinished(home) as folder:
                    _fetch(packages, folder)
                    (folder / "root").rename(root)
    return root


def write_starter(program: Path, *, root: Path, at: Path) -> None:
    """Writes a script that runs an unpacked program with the libraries it was unpacked with."""
    folders = [folder for part in ("lib", "usr/lib") for folder in root.glob(f"{part}/*-linux-*")]
    libraries = shlex.quote(":".join(map(str, folders)))
    at.unlink(missing_ok=True)
    at.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {shlex.quote(str(program))} "$@"\n')
    at.chmod(0o755)


def _key(packages: Sequence[str]) -> str:
    release = platform.freedesktop_os_release()
    what = [release["ID"], release.get("VERSION_ID", ""), platform.machine(), *sorted(packages)]
    return hashlib.sha256("\0".join(what).encode()).hexdigest()[:16]


def _fetch(packages: Sequence[str], folder: Path) -> None:
    """Downloads with indexes of our own: the machine's may be missing, or older than its mirror."""
    debs = folder / "debs"
    for needed in (debs, folder / "state/lists/partial", folder / "cache/archives/partial"):
        needed.mkdir(parents=True)
    apt = [
        *("apt-get", "-qq", "-o", f"Dir::State={folder}/state", "-o", f"Dir::Cache={folder}/cache"),
        *("-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User=root"),
    ]
    _said_by([*apt, "update"], debs)
    _said_by([*apt, "download", *packages], debs)
    for deb in sorted(debs.glob("*.deb")):
        _said_by(["dpkg-deb", "-x", str(deb), str(folder / "root")], debs)


def _said_by(command: Sequence[str], folder: Path) -> None:
    ended = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise NoPackages(f"{shlex.join(command)} failed:\n{ended.stdout.strip()}")
