"""What decides that another image is built, and what the build is told; no image is built here."""

import configparser
import shutil
from pathlib import Path

import pytest

import image as image_builder
import pipsettings
from rootfs import Root


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all that goes into the image."""
    for file in image_builder.inputs():
        copy = tmp_path / file.relative_to(image_builder.REPO)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    monkeypatch.setattr(image_builder, "REPO", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("Dockerfile", ".dockerignore", "pyproject.toml", "LICENSE", "hack/image/rootfs.py"),
        *("requirements.lock", "requirements-build.lock", "operator/amends/core/decide.py"),
    ],
)
def test_a_change_of_what_goes_in_makes_another_image(repo: Path, name: str) -> None:
    before = image_builder.key()
    (repo / name).write_bytes((repo / name).read_bytes() + b"\n")
    assert image_builder.key() != before


@pytest.mark.parametrize(
    "name", ["tests/test_new.py", "docs/image.md", "operator/amends/__pycache__/new.pyc"]
)
def test_a_change_of_anything_else_makes_none(repo: Path, name: str) -> None:
    before = image_builder.key()
    (repo / name).parent.mkdir(parents=True, exist_ok=True)
    (repo / name).touch()
    assert image_builder.key() == before


def test_pip_in_the_build_is_told_what_pip_outside_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_DEFAULT_TIMEOUT", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://reader:secret@packages.example.com/simple")
    monkeypatch.setenv("PIP_CERT", "/etc/company.crt")
    monkeypatch.setenv("PIP_TIMEOUT", "7")
    monkeypatch.setenv("PIP_FIND_LINKS", "/folder/that/the/build/does/not/see")

    secrets = list(pipsettings.secrets(tmp_path))

    assert secrets == [
        "--secret=id=pip.crt,src=/etc/company.crt",
        f"--secret=id=pip.conf,src={tmp_path / 'pip.conf'}",
    ]
    written = configparser.RawConfigParser()
    written.read(tmp_path / "pip.conf")
    assert dict(written["global"]) == {
        "index-url": "https://reader:secret@packages.example.com/simple",
        "timeout": "7",
        "cert": "/etc/pip.crt",
    }


def test_a_file_is_taken_with_the_links_that_lead_to_it_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    """As in Debian, where /lib is a link to usr/lib and a library a link to its version."""
    base = tmp_path / "base"
    (base / "usr/lib").mkdir(parents=True)
    (base / "usr/lib/libc.so.6.1").write_text("libc")
    (base / "usr/lib/libc.so.6").symlink_to("libc.so.6.1")
    (base / "usr/lib/libapt.so").touch()
    (base / "lib").symlink_to("usr/lib")

    root = Root(tmp_path / "image")
    root.take(base / "lib/libc.so.6")

    image = tmp_path / "image" / base.relative_to("/")
    assert sorted(path.relative_to(image) for path in image.rglob("*")) == [
        Path("lib"),
        Path("usr"),
        Path("usr/lib"),
        Path("usr/lib/libc.so.6"),
        Path("usr/lib/libc.so.6.1"),
    ]
    assert (image / "lib").readlink() == Path("usr/lib")
    assert (image / "lib/libc.so.6").read_text() == "libc"
    assert root.taken == {base / "usr/lib/libc.so.6.1"}


def test_tests_and_other_peoples_modules_are_not_taken_from_the_standard_library(
    tmp_path: Path,
) -> None:
    base = tmp_path / "python3.13"
    for name in ("os.py", "json/decoder.py", "ensurepip/pip.whl", "test/test_os.py", "_tkinter.so"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).touch()

    root = Root(tmp_path / "image")
    root.take(base)

    assert root.taken == {base / "os.py", base / "json/decoder.py"}


def test_a_file_that_runs_stays_one_that_runs_and_loses_its_power_to_change_the_user(
    tmp_path: Path,
) -> None:
    program = tmp_path / "program"
    program.touch()
    program.chmod(0o6775)

    root = Root(tmp_path / "image")
    root.take(program)

    (copy,) = (p for p in (tmp_path / "image").rglob("program"))
    assert copy.stat().st_mode & 0o7777 == 0o755
