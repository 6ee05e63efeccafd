"""Copies out of the base image what Python needs to run, and nothing else.

The Dockerfile runs it in a build stage, with the base's own Python and nothing but its standard
library, so it must do on whatever Debian (or Debian-like) base that argument names:

    python3 rootfs.py INTO VENV

INTO becomes the root of the final image, beneath the virtual environment: the interpreter, the
standard library, each shared library that these or an extension module in VENV ask for, the CA
certificates. No shell, no package manager, no pip, no program that changes user. What Debian knows
of these files comes along, so that scanners still see the packages and licences are still there.
"""

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

LEFT_OUT = (
    *("site-packages", "dist-packages", "__pycache__", "config-*"),
    *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtle*", "_tkinter*"),
    *("_test*", "_ctypes_test*", "_xx*", "xx*", "libpython*.a"),
    *("EXTERNALLY-MANAGED", "sitecustomize.py"),
)
"""Of the standard library: other people's modules, tests, what needs a screen, a pip or a compiler,
and what Debian says to people who install."""

BESIDES = (
    "/etc/ld.so.cache",  # how libraries are found that lie beside Debian's own folders
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/usr/lib/locale/C.utf8",
    "/usr/lib/ssl/certs",
    "/usr/lib/ssl/openssl.cnf",
)
OPENED_LATE = ("libgcc_s.so.1",)
"""Libraries that no file names: glibc opens this one when a thread is cancelled."""

PASSWD = """\
root:x:0:0:root:/nonexistent:/usr/sbin/nologin
amends:x:65532:65532:amends:/nonexistent:/usr/sbin/nologin
"""
GROUP = "root:x:0:\namends:x:65532:\n"

DPKG = Path("/var/lib/dpkg")


class Root:
    """The tree that becomes the image."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.taken: set[Path] = set()
        """Where each file was in the base, links resolved."""

    def take(self, path: Path) -> None:
        """Copies a file, or a folder with what is in it, to the same place; links stay links."""
        for above in reversed(path.parents):
            if above.is_symlink():  # /lib is a link to usr/lib
                self._link(above)
        path = path.parent.resolve() / path.name
        copy = self._at(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            self._link(path)
            self.take(path.parent / path.readlink())
        elif path.is_dir():
            copy.mkdir(exist_ok=True)
            for inside in sorted(path.iterdir()):
                if not any(fnmatch(inside.name, pattern) for pattern in LEFT_OUT):
                    self.take(inside)
        else:
            shutil.copyfile(path, copy)
            copy.chmod(0o755 if path.stat().st_mode & 0o111 else 0o644)
            self.taken.add(path)

    def _link(self, link: Path) -> None:
        copy = self._at(link)
        if not copy.is_symlink():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(link.readlink())

    def write(self, path: str, text: str) -> None:
        file = self._at(Path(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def _at(self, path: Path) -> Path:
        return self.top / path.relative_to("/")


def libraries(files: Iterator[Path]) -> set[Path]:
    """Every shared library that the dynamic loader would load for these programs and libraries."""
    asked = subprocess.run(["ldd", *files], capture_output=True, text=True, check=True)
    if missing := re.findall(r"^\s*(\S+) => not found", asked.stdout, re.MULTILINE):
        raise SystemExit(f"the base image lacks {', '.join(sorted(set(missing)))}")
    return {Path(path) for path in re.findall(r"(/\S+) \(0x", asked.stdout)}


def packages(files: set[Path]) -> Iterator[str]:
    """The Debian packages that these files came from."""
    for listing in sorted(DPKG.glob("info/*.list")):
        if any(Path(line).resolve() in files for line in listing.read_text().splitlines()):
            yield listing.stem.partition(":")[0]


def take_records(root: Root) -> None:
    """Status and licence of each package that has a file in the tree, where scanners look."""
    stanzas = (DPKG / "status").read_text().split("\n\n")
    known = {text.splitlines()[0].removeprefix("Package: "): text for text in stanzas if text}
    for package in list(packages(root.taken)):
        root.write(f"{DPKG}/status.d/{package}", known[package] + "\n")
        licence = Path("/usr/share/doc") / package / "copyright"
        if licence.exists():  # slim bases lack those that are links to another package's
            root.take(licence)


def main(into: Path, venv: Path) -> None:
    root = Root(into)
    for empty in ("dev", "proc", "run", "sys", "tmp"):
        (into / empty).mkdir(parents=True)
    (into / "tmp").chmod(0o1777)
    root.write("/etc/passwd", PASSWD)
    root.write("/etc/group", GROUP)

    python = (venv / "bin/python3").readlink()
    stdlib = Path(sysconfig.get_path("stdlib"))
    for needed in (python, stdlib, *map(Path, BESIDES)):
        root.take(needed)
    modules = [*into.rglob("*.so"), *venv.rglob("*.so")]
    found = libraries(iter([python.resolve(), *modules]))
    system = next(library for library in found if library.name == "libc.so.6").parent
    for library in sorted(found | {system / name for name in OPENED_LATE}):
        if not library.is_relative_to(venv):
            root.take(library)
    take_records(root)

    # The root file system is read-only when it runs, so what is not compiled now is compiled again
    # at every start. By hash and unchecked: file times do not survive a reproducible build.
    compiled = compileall.compile_dir(
        into / stdlib.relative_to("/"),
        quiet=1,
        stripdir=into,
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        raise SystemExit("a part of the standard library does not compile")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
