"""Looks into an image's archive, and runs programs in it as a restricted pod would.

That is: as a user without a name or rights, on a read-only root file system, with the environment
the image sets, in mount and pid namespaces of its own. Not a container runtime: it neither limits
anything nor hides the network. The end-to-end tests run the same image in real pods.
"""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buildah import ISOLATED

USER = "65532:65532"

_ENTER = """\
set -e
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -o remount,bind,ro "$0"
exec setpriv --no-new-privs env --ignore-environment "$@"
"""


@dataclass(frozen=True)
class Image:
    """An image, unpacked."""

    name: str
    config: dict[str, Any]
    """All that the archive says about it, history included."""

    layers: tuple[int, ...]
    """Sizes in bytes, uncompressed, the lowest first."""

    root: Path

    @property
    def runs(self) -> dict[str, Any]:
        """What a container of it starts with."""
        config: dict[str, Any] = self.config["config"]
        return config

    def run(
        self, *command: str, user: str = USER, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program of the image to its end."""
        variables = [*self.runs["Env"], *(f"{k}={v}" for k, v in (env or {}).items())]
        enter = [*ISOLATED, "sh", "-c", _ENTER, str(self.root), *variables]
        chroot = [str(shutil.which("chroot")), f"--userspec={user}", "--groups=", str(self.root)]
        return subprocess.run(
            [*enter, *chroot, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def unpack(archive: Path, into: Path) -> Image:
    """The only image of a docker archive, with its files in this folder. Needs root."""
    into.chmod(0o755)  # as the root of an image is; that of a temporary folder is not
    with tarfile.open(archive) as tar:
        (described,) = json.loads(_content(tar, "manifest.json"))
        (name,) = described["RepoTags"]
        config = json.loads(_content(tar, described["Config"]))
        sizes = []
        for layer in described["Layers"]:
            sizes.append(tar.getmember(layer).size)
            subprocess.run(
                ["tar", "--extract", "--numeric-owner", "--same-permissions", "-C", into],
                input=_content(tar, layer),
                check=True,
            )
    return Image(name, config, tuple(sizes), into)


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    if (member := tar.extractfile(name)) is None:
        raise ValueError(f"{name} in the archive is no file")
    return member.read()
