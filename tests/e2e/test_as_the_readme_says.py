"""Installing Amends by the README, word for word, on a fresh cluster with a real node.

Only the image comes another way than by `docker build` and `docker push`, which need a registry: it
is built from the same Dockerfile and loaded under the name that the README gives it.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import build
import image
import machine
from chart.helm import REPO, Helm
from chart.release import Release
from node import Node

pytestmark = [pytest.mark.node, pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

SECTION = re.compile(r"^## Install\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PUSHED = re.compile(r"^docker push (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Reader:
    """Somebody with a checkout, kubectl, helm and a cluster, who types what is written."""

    folder: Path
    environment: dict[str, str]

    def types(self, commands: str) -> str:
        """What the commands print."""
        ended = subprocess.run(
            ["sh", "-eu", "-c", commands],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture
def reader(node: Node, tmp_path: Path) -> Iterator[Reader]:
    """On a node without Amends, which is without it again afterwards."""
    if not machine.is_required() and (why := image.objection()) is not None:
        pytest.skip(why)
    (tmp_path / "charts").symlink_to(REPO / "charts")
    helm = build.build(["helm"])["helm"]
    path = f"{node.bin}:{helm.parent}:{os.environ['PATH']}"
    admin = node.kubeconfig()
    yield Reader(tmp_path, {"PATH": path, "KUBECONFIG": str(admin), "HOME": str(tmp_path)})
    Release(Helm(helm, tmp_path, admin), node).remove()
    node.kubectl("delete", "namespace", "checkout", "amends-system", "--timeout=100s")


def test_the_readme_leads_to_a_first_dead_letter(node: Node, reader: Reader) -> None:
    section = SECTION.search((REPO / "README.md").read_text())
    assert section is not None
    pushing, values, installing, trying = BLOCK.findall(section[1])
    assert [kind for kind, _ in (pushing, values, installing, trying)] == ["sh", "yaml", "sh", "sh"]
    pushed = PUSHED.search(pushing[1])
    assert pushed is not None
    node.load(image.archive())
    tagged = node.run("ctr", "images", "tag", image.NAME, pushed[1])
    assert tagged.returncode == 0, tagged.stderr

    (reader.folder / "values.yaml").write_text(values[1])
    installed = reader.types(installing[1])
    tried = reader.types(trying[1])

    assert 'deployment "amends" successfully rolled out' in installed
    assert "Phase:          Succeeded" in installed
    rows = [line.split()[:2] for line in tried.splitlines() if line.startswith(("action", "dead"))]
    assert ["action.amends.dev/first-try", "Recorded"] in rows
    assert ["deadletter.amends.dev/dead-letter-effect-first-try", "Open"] in rows
