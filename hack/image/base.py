"""Makes a base image by debootstrap, for machines that cannot pull one.

It holds the machine's own release of Debian, from the mirror that the machine's apt uses, with
Python: what BASE asks for in the Dockerfile. It is for tests. A release is built on an image that
somebody maintains.
"""

import hashlib
import platform
import shlex
import subprocess
from pathlib import Path

from buildah import ISOLATED, Buildah
from waiting import progress, unfinished

INCLUDED = ("python3", "python3-venv", "ca-certificates")
NEEDED = ("gpgv", "wget")
"""What debootstrap asks of the machine."""

_KEYRINGS = Path("/usr/share/keyrings")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NoBase(RuntimeError):
    """The base image could not be made; the text says why."""


def key() -> str:
    """Names the base: changes with the release of Debian and the packages asked for."""
    release = platform.freedesktop_os_release()
    what = [release["ID"], release.get("VERSION_CODENAME", ""), platform.machine(), *INCLUDED]
    return hashlib.sha256("\0".join(what).encode()).hexdigest()[:16]


def archive(buildah: Buildah, home: Path) -> Path:
    """The base as an OCI archive. For the holder of the folder's lock."""
    made = home / f"base-{key()}.tar"
    if not made.exists():
        with progress("making a base image by debootstrap"), unfinished(home) as folder:
            _debootstrap(buildah.unpacked, folder / "root")
            tree = folder / "root.tar"
            _run(
                *("tar", "--create", f"--file={tree}", f"--directory={folder / 'root'}"),
                *("--numeric-owner", "--sort=name", "--exclude=./dev/*", "--exclude=./proc/*"),
                *("--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "."),
            )
            container = buildah.run("from", "scratch")
            buildah.run("add", "--quiet", container, tree, "/")
            buildah.run("config", "--env", f"PATH={_PATH}", container)
            finished = folder / "base.tar"
            buildah.run(
                *("commit", "--quiet", "--rm", "--timestamp=0", container),
                f"oci-archive:{finished}",
            )
            finished.rename(made)
    return made


def _debootstrap(unpacked: Path, root: Path) -> None:
    keyring = _KEYRINGS / f"{platform.freedesktop_os_release()['ID']}-archive-keyring.gpg"
    _run(
        *("env", f"DEBOOTSTRAP_DIR={unpacked / 'usr/share/debootstrap'}"),
        *(*ISOLATED, "sh", str(unpacked / "usr/sbin/debootstrap")),
        *("--variant=minbase", f"--include={','.join(INCLUDED)}", f"--keyring={keyring}"),
        *("--force-check-gpg", _codename(), str(root), mirror()),
    )


def mirror() -> str:
    """Where the machine's own apt gets the packages of its release."""
    codename = _codename()
    for line in _run(
        *("apt-get", "indextargets", "--no-release-info"),
        *("--format", "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)"),
    ).splitlines():
        kind, release, component, address = line.split(maxsplit=3)
        if (kind, release, component) == ("Packages", codename, "main"):
            return address
    raise NoBase(f"apt's sources on this machine name no mirror of {codename} main")


def _codename() -> str:
    if (codename := platform.freedesktop_os_release().get("VERSION_CODENAME")) is None:
        raise NoBase("/etc/os-release names no VERSION_CODENAME, so there is nothing to make")
    return codename


def _run(*command: str) -> str:
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode != 0:
        said = "\n".join(ended.stdout.strip().splitlines()[-20:])
        raise NoBase(f"{shlex.join(command)} failed:\n{said}")
    return ended.stdout
