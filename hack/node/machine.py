"""Whether a node can run on this machine, and all that has to be there before one can start.

`python hack/node/machine.py` builds and fetches it, once. Where no node can run it says why, and
that is no error, unless $AMENDS_NODE is `required`: a machine of CI must not skip quietly.
"""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path.append(str(HERE.parent / "controlplane"))

import build  # noqa: E402
import caretaker  # noqa: E402
import debian  # noqa: E402
from toolchain import NoGo  # noqa: E402

PACKAGES = (
    *("runc", "libseccomp2"),
    "containernetworking-plugins",
    *("nftables", "libnftables1", "libnftnl11", "libmnl0", "libjansson4", "libxtables12"),
    *("libedit2", "libbsd0", "libmd0"),  # for nft, as everything since nftables
    "busybox-static",
)
_NEEDED = ("apt-get", "dpkg-deb", "mount", "nsenter", "unshare")


class NoNode(RuntimeError):
    """No node can run on this machine; the text says why."""


@dataclass(frozen=True)
class Programs:
    """Where everything is that a node runs."""

    built: dict[str, Path]
    unpacked: Path

    @property
    def busybox(self) -> Path:
        return self.unpacked / "bin/busybox"

    @property
    def cni_plugins(self) -> Path:
        return self.unpacked / "usr/lib/cni"

    def put_into(self, folder: Path) -> None:
        """Writes starters of those that need their own libraries."""
        for name in ("runc", "nft"):
            program = self.unpacked / "usr/sbin" / name
            debian.write_starter(program, root=self.unpacked, at=folder / name)


def is_required() -> bool:
    """Whether it is an error that no node can run here."""
    return os.environ.get("AMENDS_NODE") == "required"


def objection() -> str | None:
    """Why no node can run on this machine; None if one can."""
    if platform.system() != "Linux":
        return f"a node needs Linux, and this is {platform.system()}"
    if os.geteuid() != 0:
        return "a node needs root, to make namespaces and mounts"
    if missing := [name for name in _NEEDED if shutil.which(name) is None]:
        return f"a node needs Debian or Ubuntu, and there is no {' and no '.join(missing)}"
    if not _may_make_namespaces():
        return "a node needs mount, pid and network namespaces, and making them is refused here"
    if not all(os.access(hierarchy, os.W_OK) for hierarchy in caretaker.hierarchies()):
        return "a node needs control groups of its own, and /sys/fs/cgroup cannot be written to"
    return None


def _may_make_namespaces() -> bool:
    tried = ["unshare", "--mount", "--pid", "--net", "--fork", "true"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


def prepare() -> Programs:
    """Everything a node runs, built or fetched if need be."""
    if why := objection():
        raise NoNode(why)
    built = build.build((*build.CONTROL_PLANE, *build.NODE))
    return Programs(built, debian.unpacked(PACKAGES))


def main() -> int:
    """Prepares what can be prepared and says what not."""
    try:
        programs = prepare()
    except NoNode as refused:
        print(f"no end-to-end tests here: {refused}", file=sys.stderr)
        return 1 if is_required() else 0
    except (build.BuildFailed, debian.NoPackages, NoGo) as failed:
        print(failed, file=sys.stderr)
        return 1
    print(*programs.built.values(), programs.unpacked, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
