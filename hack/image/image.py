"""Builds the operator's image where no base image can be pulled, once, into the cache.

`python hack/image/image.py` prints the path of an archive that `ctr images import`, `podman load`
and `docker load` read; the image in it is called NAME. It is built from the Dockerfile at the top
of the repo, as `make image` does, on a base made by debootstrap. Needs root on Debian.

    <cache>/image/<key>.tar       finished images, the last few
    <cache>/image/base-<key>.tar  the base
    <cache>/image/lock            held by the one process that builds
    <cache>/image/storage/, …     buildah's own (buildah.py)

<key> is a hash of all that goes in, so another version never meets the image of this one.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
if __name__ == "__main__":
    sys.path += [str(HERE.parent / "controlplane"), str(HERE.parent / "node")]

import base  # noqa: E402
import buildah  # noqa: E402
import machine  # noqa: E402
import pipsettings  # noqa: E402
from build import cache  # noqa: E402
from buildah import Buildah, BuildahFailed  # noqa: E402
from debian import NoPackages  # noqa: E402
from waiting import alone, progress, unfinished  # noqa: E402

NAME = "localhost/amends:built"
"""What the image in the archive is called."""

_KEPT = 3
_OPTIONS = (
    *("--isolation=chroot", "--network=host", "--layers"),
    # OCI's format: that of docker would note the container it was built in.
    *("--format=oci", "--identity-label=false"),
    "--timestamp=1767225600",  # 2026-01-01; any moment does that is always the same one
)


class NoImage(RuntimeError):
    """No image can be built on this machine; the text says why."""


def objection() -> str | None:
    """Why the image cannot be built on this machine; None if it can."""
    if sys.platform != "linux":
        return f"building the image needs Linux, and this is {sys.platform}"
    if os.geteuid() != 0:
        return "building the image needs root, to make namespaces and mounts"
    needed = (*buildah.NEEDED, *base.NEEDED)
    if missing := [name for name in needed if shutil.which(name) is None]:
        return f"building the image needs Debian, and there is no {' and no '.join(missing)}"
    tried = subprocess.run([*buildah.ISOLATED, "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        return "building the image needs mount and pid namespaces, and making them is refused here"
    return None


def archive() -> Path:
    """The image as an archive, built if it is missing."""
    home = _home()
    made = home / f"{key()}.tar"
    if not made.exists():
        if why := objection():
            raise NoImage(why)
        with alone(home / "lock", "building the image"):
            # Asked again under the lock: the process waited for may have built it.
            if not made.exists():
                _build(made)
    os.utime(made)
    return made


def key() -> str:
    """Names what is built: changes with each file that goes in, and with the base."""
    digest = hashlib.sha256(f"{base.key()} {_OPTIONS} {NAME}\n".encode())
    for file in inputs():
        digest.update(f"{file.relative_to(REPO)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def inputs() -> Iterator[Path]:
    """The Dockerfile and every file that .dockerignore lets through."""
    let_through = re.findall(r"^!/(\S+)$", (REPO / ".dockerignore").read_text(), re.MULTILINE)
    for name in ("Dockerfile", ".dockerignore", *let_through):
        path = REPO / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def version() -> str:
    """Of the project."""
    source = (REPO / "operator/amends/__init__.py").read_text()
    (found,) = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return str(found)


def build_twice() -> tuple[str, str]:
    """The digests of the image from two builds that share nothing but the base."""
    home = _home()
    with alone(home / "lock", "building the image"):
        beneath = base.archive(Buildah(home), home)
    with alone(home / "twice/lock", "building the image twice"):
        first, second = (_built_anew(home / "twice", beneath) for _ in range(2))
    return first, second


def _home() -> Path:
    return cache() / "image"


def _build(made: Path) -> None:
    home = _home()
    tool = Buildah(home)
    beneath = base.archive(tool, home)
    with progress("building the image"), unfinished(home) as folder:
        _run_dockerfile(tool, beneath, folder)
        tool.run("push", "--quiet", NAME, f"docker-archive:{folder / 'image.tar'}:{NAME}")
        (folder / "image.tar").replace(made)
    images = sorted(home.glob("[0-9a-f]*.tar"), key=lambda file: file.stat().st_mtime)
    for old in [file for file in images if not file.name.startswith("base-")][:-_KEPT]:
        old.unlink()


def _built_anew(home: Path, beneath: Path) -> str:
    with progress("building the image from nothing"), unfinished(home) as folder:
        tool = Buildah(folder)
        _run_dockerfile(tool, beneath, folder)
        (image,) = json.loads(tool.run("images", "--json", NAME))
    return str(image["id"])


def _run_dockerfile(tool: Buildah, beneath: Path, folder: Path) -> None:
    arguments = {"BASE": f"oci-archive:{beneath}", "VERSION": version(), "REVISION": key()}
    try:
        tool.run(
            *("build", "--quiet", *_OPTIONS, f"--tag={NAME}"),
            *(f"--build-arg={name}={text}" for name, text in arguments.items()),
            *pipsettings.secrets(folder),
            REPO,
        )
    except BuildahFailed:
        tool.forget()  # if the fault was there, the next build is free of it
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what is missing and prints the path."""
    parser = argparse.ArgumentParser(description="Build the operator's image, once.")
    parser.add_argument(
        "--twice", action="store_true", help="from nothing, and compare the digests"
    )
    parser.add_argument(
        "--if-possible", action="store_true", help="no error where it cannot be, except in CI"
    )
    given = parser.parse_args(arguments)
    # A terminated build cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if given.twice:
            first, second = build_twice()
            print(first, second, sep="\n")
            return int(first != second)
        print(archive())
    except NoImage as refused:
        print(f"no image here: {refused}", file=sys.stderr)
        return int(machine.is_required() or not given.if_possible)
    except (NoPackages, base.NoBase, BuildahFailed) as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
