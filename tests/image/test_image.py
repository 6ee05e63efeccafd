"""What the image says about itself, and what is in it."""

import stat
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

import base
import image as image_builder
import pipsettings
from build import cache
from container import Image
from lock import locked

pytestmark = pytest.mark.timeout(900)

REPO = image_builder.REPO
SITE_PACKAGES = "opt/amends/lib/python3.*/site-packages"


def test_the_image_is_called_as_the_builder_promises(image: Image) -> None:
    assert image.name == image_builder.NAME


def test_all_layers_together_stay_under_200_megabytes(image: Image) -> None:
    assert len(image.layers) == 3
    assert sum(image.layers) < 200e6


def test_it_starts_the_operator_as_a_fixed_user_without_a_shell(image: Image) -> None:
    wanted = {"User", "Entrypoint", "Cmd", "Env", "WorkingDir", "Labels"}
    assert {name: value for name, value in image.runs.items() if name in wanted} == {
        "User": "65532:65532",
        "Entrypoint": ["/opt/amends/bin/amends"],
        "Cmd": ["run"],
        "Env": [
            *("PATH=/opt/amends/bin", "HOME=/nonexistent"),
            *("LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"),
        ],
        "WorkingDir": "/",
        "Labels": {
            "org.opencontainers.image.title": "amends",
            "org.opencontainers.image.description": "A Kubernetes operator that undoes what "
            "automations did",
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.version": image_builder.version(),
            "org.opencontainers.image.revision": image_builder.key(),
        },
    }


def test_the_only_program_is_python(image: Image) -> None:
    programs = {
        str(path.relative_to(image.root))
        for path in files(image)
        if path.stat().st_mode & 0o111 and path.read_bytes()[:4] == b"\x7fELF"
        if ".so" not in path.name
    }
    assert {Path(program).name.partition(".")[0] for program in programs} == {"python3"}


def test_what_else_can_be_executed_is_written_in_python(image: Image) -> None:
    executable = (path.read_bytes() for path in files(image) if path.stat().st_mode & 0o111)
    interpreters = {content.split(b"\n")[0] for content in executable if content[:2] == b"#!"}
    assert b"#!/opt/amends/bin/python3" in interpreters
    assert [line for line in interpreters if b"python" not in line] == []


def test_there_is_no_shell_package_manager_or_compiler(image: Image) -> None:
    unwanted = {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "perl", "cc", "gcc"}
    assert [p for p in everything(image) if p.name in unwanted and not p.is_dir()] == []


def test_there_is_no_pip(image: Image) -> None:
    assert [p for p in everything(image) if p.name in ("pip", "ensurepip", "setuptools")] == []
    assert [p for p in files(image) if p.suffix == ".whl"] == []


def test_its_user_can_write_nothing_but_tmp(image: Image) -> None:
    assert {str(p.relative_to(image.root)) for p in everything(image) if is_writable(p)} == {"tmp"}


def test_no_program_changes_the_user(image: Image) -> None:
    assert [p for p in files(image) if p.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)] == []


def test_every_file_of_the_package_is_there_unchanged(image: Image) -> None:
    (installed,) = image.root.glob(f"{SITE_PACKAGES}/amends")
    assert contents(installed) == contents(REPO / "operator/amends")


def test_the_dependencies_are_those_of_the_lock(image: Image) -> None:
    (site_packages,) = image.root.glob(SITE_PACKAGES)
    found = {canonicalize_name(d.name): d.version for d in distributions(path=[str(site_packages)])}
    assert found == {p.name: p.version for p in locked() if p.meant_for_this_machine} | {
        "amends": image_builder.version()
    }


def test_each_dependency_has_its_licence_with_it(image: Image) -> None:
    (site_packages,) = image.root.glob(SITE_PACKAGES)
    assert [
        found.name
        for found in distributions(path=[str(site_packages)])
        if not any(
            part in file.name.upper()
            for file in found.files or ()
            for part in ("LICENSE", "LICENCE", "COPYING")
        )
        and not (found.metadata["License-Expression"] or found.metadata["License"])
    ] == []


def test_our_own_licence_is_where_people_look(image: Image) -> None:
    assert (image.root / "licenses/LICENSE").read_text() == (REPO / "LICENSE").read_text()


def test_scanners_find_the_debian_packages_with_their_licences(image: Image) -> None:
    records = sorted((image.root / "var/lib/dpkg/status.d").iterdir())
    assert {"libc6", "libssl3", "ca-certificates"} <= {record.name for record in records}
    for record in records:
        assert record.read_text().startswith(f"Package: {record.name}\n")
        assert (image.root / "usr/share/doc" / record.name / "copyright").is_file()


def test_all_that_is_imported_at_a_start_is_compiled_and_never_compared_with_its_source(
    image: Image,
) -> None:
    """Bytecode that goes by file times would be worthless: a reproducible build resets them."""
    compiled = [path for path in files(image) if path.suffix == ".pyc"]
    assert len(compiled) > 1000
    assert [path for path in compiled if path.read_bytes()[4:8] != b"\x01\x00\x00\x00"] == []
    sources = [path for path in files(image) if path.suffix == ".py"]
    assert [p for p in sources if not list(p.parent.glob(f"__pycache__/{p.stem}.*.pyc"))] == []


def test_nothing_tells_where_it_was_built_or_where_packages_came_from(image: Image) -> None:
    settings = pipsettings.settings()
    addresses = [v for k, v in settings.items() if k in ("index-url", "extra-index-url", "proxy")]
    told = [str(cache()), str(REPO), base.mirror(), "/etc/pip.conf", *addresses]
    assert [text for text in told if text in str(image.config)] == []
    assert {
        (str(path.relative_to(image.root)), text)
        for path in files(image)
        for text in told
        if text.encode() in path.read_bytes()
    } == set()
    assert [path for path in everything(image) if path.name in ("pip.conf", "pip.crt")] == []


def everything(image: Image) -> Iterator[Path]:
    return image.root.rglob("*")


def files(image: Image) -> Iterator[Path]:
    return (path for path in everything(image) if path.is_file() and not path.is_symlink())


def is_writable(path: Path) -> bool:
    """For a user and group who own nothing else; what a link leads to is looked at by itself."""
    found = path.lstat()
    return not stat.S_ISLNK(found.st_mode) and bool(
        found.st_mode & stat.S_IWOTH or found.st_uid == 65532 or found.st_gid == 65532
    )


def contents(package: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(package)): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
