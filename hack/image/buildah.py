"""Runs buildah as it comes from Debian's packages: unpacked, never installed, with no settings.

    <home>/storage/    images and layers; what makes the next build short, thrown away when too big
    <home>/scratch/    buildah's temporary files, and the packages that pip fetched
    <home>/run/        what it is told, written anew each time

It runs in mount and pid namespaces of its own, so that one SIGKILL ends all it started and leaves
no mount behind, and it gets that SIGKILL from the kernel when whoever started it ends.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import debian

PACKAGES = (
    "buildah",
    *("libassuan0", "libdevmapper1.02.1", "libgpg-error0", "libgpgme11", "libpcre2-8-0"),
    *("libseccomp2", "libselinux1", "libudev1"),  # buildah's, as everything since libassuan0
    "debootstrap",
)
NEEDED = ("apt-get", "dpkg-deb", "ldconfig", "mount", "setpriv", "unshare")
"""What the machine itself has to have."""

ISOLATED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
)
"""Precedes a command that shall leave no process and no mount, however it or its starter ends."""

_MOST_BYTES = 3 * 1024**3
# buildah starts itself anew with an empty environment, so LD_LIBRARY_PATH would not do.
_WITH_LIBRARIES = ("sh", "-c", 'mount --bind "$0" /etc/ld.so.cache && exec "$@"')
_TRUST = {"default": [{"type": "insecureAcceptAnything"}]}
"""What buildah asks about the base image: it is ours, or pinned by its digest."""


class BuildahFailed(RuntimeError):
    """A buildah command failed; the text ends with what it said."""


class Buildah:
    """buildah with its storage in a folder of ours. For one process at a time."""

    def __init__(self, home: Path) -> None:
        self.unpacked = debian.unpacked(PACKAGES)
        self._home = home
        self._storage = home / "storage"
        if self._storage.exists() and _size(self._storage) > _MOST_BYTES:
            self.forget()
        shutil.rmtree(home / "run", ignore_errors=True)
        (home / "run").mkdir(parents=True)
        (home / "scratch").mkdir(exist_ok=True)
        self._library_cache = self._list_libraries()
        self.run("rm", "--all")  # what a killed build left

    def run(self, *arguments: str | Path) -> str:
        """What the command printed."""
        command = [*ISOLATED, *_WITH_LIBRARIES, self._library_cache, *self._buildah(), *arguments]
        ended = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            said = "\n".join(ended.stderr.strip().splitlines()[-30:])
            raise BuildahFailed(f"buildah {arguments[0]} failed:\n{said}")
        return ended.stdout.strip()

    def forget(self) -> None:
        """Throws away all images and layers."""
        shutil.rmtree(self._storage, ignore_errors=True)

    def _buildah(self) -> Sequence[str | Path]:
        run = self._home / "run"
        return (self.unpacked / "usr/bin/buildah", "--root", self._storage, "--runroot", run)

    def _environment(self) -> dict[str, str]:
        """Our settings only; the policy has no variable, but a place under HOME."""
        policy = self._home / "run/.config/containers/policy.json"
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text(json.dumps(_TRUST))
        registries = self._home / "run/registries.conf"
        registries.write_text("unqualified-search-registries = []\n")
        return os.environ | {
            "CONTAINERS_CONF": "/dev/null",
            "CONTAINERS_REGISTRIES_CONF": str(registries),
            "CONTAINERS_STORAGE_CONF": "/dev/null",
            "HOME": str(self._home / "run"),
            "STORAGE_DRIVER": "overlay",
            "TMPDIR": str(self._home / "scratch"),
        }

    def _list_libraries(self) -> Path:
        """The dynamic loader's list of libraries, the unpacked ones among them."""
        settings, listed = self._home / "run/ld.so.conf", self._home / "run/ld.so.cache"
        folders = [
            f for part in ("lib", "usr/lib") for f in self.unpacked.glob(f"{part}/*-linux-*")
        ]
        settings.write_text("\n".join(["include /etc/ld.so.conf", *map(str, folders)]) + "\n")
        subprocess.run(["ldconfig", "-X", "-C", listed, "-f", settings], check=True)
        return listed


def _size(folder: Path) -> int:
    total = 0
    for inside, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                total += (Path(inside) / name).lstat().st_size
    return total
