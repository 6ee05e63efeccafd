"""The image's programs at work, with no more rights than a restricted pod has."""

import subprocess

import pytest

import image as image_builder
from container import Image

pytestmark = pytest.mark.timeout(900)

AMENDS = "/opt/amends/bin/amends"
PYTHON = "/opt/amends/bin/python3"
VERSION = f"amends {image_builder.version()}\n"
IMPORT_ALL = """
import importlib, pkgutil, amends
for module in pkgutil.walk_packages(amends.__path__, "amends."):
    if not module.name.startswith("amends.testing"):  # for authors of executors: needs pytest
        importlib.import_module(module.name)
"""
LEASES = """
from kubernetes.aio import client
print(client.V1Lease.__name__, client.CoordinationV1Api.__name__)
"""
TRUSTED = """
import os, ssl
folder = ssl.get_default_verify_paths().capath
print(len([name for name in os.listdir(folder) if os.path.exists(os.path.join(folder, name))]))
"""


def said(ended: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return ended.returncode, ended.stdout, ended.stderr


def test_it_tells_its_version(image: Image) -> None:
    assert said(image.run(AMENDS, "--version")) == (0, VERSION, "")


def test_it_works_for_a_user_that_the_cluster_made_up(image: Image) -> None:
    assert said(image.run(AMENDS, "--version", user="1000650000:0")) == (0, VERSION, "")


def test_the_command_line_for_people_is_in_it_too(image: Image) -> None:
    ended = image.run("/opt/amends/bin/kubectl-amends", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "approve" in ended.stdout


def test_without_a_cluster_the_operator_says_what_it_lacks(image: Image) -> None:
    explained = (
        "Nothing says where the cluster is (Service host/port is not set.): run in a pod with a "
        "service account, or give --kubeconfig.\n"
    )
    assert said(image.run(*image.runs["Entrypoint"], *image.runs["Cmd"])) == (2, "", explained)


def test_every_module_finds_what_it_imports(image: Image) -> None:
    assert said(image.run(PYTHON, "-c", IMPORT_ALL)) == (0, "", "")


def test_the_kubernetes_client_loads_from_its_zip(image: Image) -> None:
    assert said(image.run(PYTHON, "-c", LEASES)) == (0, "V1Lease CoordinationV1Api\n", "")


def test_it_trusts_the_usual_authorities(image: Image) -> None:
    ended = image.run(PYTHON, "-c", TRUSTED)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) > 100


def test_its_root_file_system_may_be_read_only(image: Image) -> None:
    ended = image.run(PYTHON, "-c", "open('/tmp/file', 'w')", user="0:0")
    assert ended.returncode == 1
    assert "Read-only file system: '/tmp/file'" in ended.stderr
