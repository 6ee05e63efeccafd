"""`make licenses`: every licence of what the operator ships is one that was agreed to."""

import subprocess
import sys
from pathlib import Path

import pytest

import licenses
from lock import REPO, locked

SCRIPT = REPO / "hack/supply/licenses.py"


def test_every_licence_is_allowed() -> None:
    ended = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [
        [package.name, package.version] for package in locked()
    ]


@pytest.mark.parametrize(
    "license_",
    ["MIT", "Apache-2.0 AND MIT", "MIT OR Apache-2.0", "Apache Software License; MIT License"],
)
def test_a_permissive_licence_is_allowed(license_: str) -> None:
    assert licenses.objections({"some-package": license_}) == []


@pytest.mark.parametrize(
    "license_",
    [
        "GPL-3.0-only",
        "AGPL-3.0-or-later",
        "MIT AND GPL-2.0-only",
        "MIT OR GPL-2.0-only",
        "MIT License; GNU General Public License v3 (GPLv3)",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "Other/Proprietary License",
        "UNKNOWN",
        "",
    ],
)
def test_any_other_licence_is_refused_with_what_to_do(license_: str) -> None:
    (said,) = licenses.objections({"some-package": license_, "fine": "MIT"})

    assert said.startswith(f"some-package is under {license_!r}, which is not allowed")


def test_what_was_agreed_for_one_package_holds_for_that_licence_alone() -> None:
    assert licenses.objections(licenses.AGREED) == []
    assert len(licenses.objections(dict.fromkeys(licenses.AGREED, "GPL-3.0-only"))) == 1


def test_a_package_that_is_not_installed_is_not_taken_for_a_good_one(tmp_path: Path) -> None:
    lock = tmp_path / "other.lock"
    lock.write_text("never-heard-of==1.0 \\\n    --hash=sha256:00\n")

    ended = subprocess.run(
        [sys.executable, SCRIPT, lock], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert "never-heard-of is under 'UNKNOWN'" in ended.stderr
