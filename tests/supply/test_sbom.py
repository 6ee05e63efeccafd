"""`make sbom`: what the operator ships, as CycloneDX, from the lock and from nothing else."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from lock import REPO, locked

Object = dict[str, Any]


def made(file: Path) -> str:
    """What `make sbom` writes, in this environment. Whether it is valid is judged here."""
    outside = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    subprocess.run(
        ["make", "--no-print-directory", "sbom", f"SBOM={file}", "ARGS=--no-validate"],
        cwd=REPO,
        env=outside,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return file.read_text()


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file, as text."""
    return made(tmp_path_factory.mktemp("sbom") / "amends.cdx.json")


def hashes(component: Object) -> frozenset[str]:
    (distribution,) = component["externalReferences"]
    assert {one["alg"] for one in distribution["hashes"]} == {"SHA-256"}
    return frozenset(one["content"] for one in distribution["hashes"])


def test_it_lists_exactly_the_packages_of_the_lock_with_their_hashes(sbom: str) -> None:
    components = json.loads(sbom)["components"]

    assert {(one["name"], one["version"], hashes(one)) for one in components} == {
        (package.name, package.version, package.hashes) for package in locked()
    }
    assert {one["purl"] for one in components} == {
        f"pkg:pypi/{package.name}@{package.version}" for package in locked()
    }


def test_every_package_of_the_lock_has_hashes() -> None:
    assert all(package.hashes for package in locked())
    assert len(locked()) > 40


def test_it_is_about_amends(sbom: str) -> None:
    about = json.loads(sbom)["metadata"]["component"]

    assert (about["name"], about["type"]) == ("amends", "application")
    assert about["licenses"] == [{"license": {"acknowledgement": "declared", "id": "Apache-2.0"}}]


def test_it_is_valid_cyclonedx(sbom: str) -> None:
    version = SchemaVersion.from_version(json.loads(sbom)["specVersion"])

    assert make_schemabased_validator(OutputFormat.JSON, version).validate_str(sbom) is None


def test_made_twice_it_is_the_same(sbom: str, tmp_path: Path) -> None:
    assert made(tmp_path / "again.cdx.json") == sbom
