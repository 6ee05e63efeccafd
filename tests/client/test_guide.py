"""docs/recording-actions.md: its example runs as it stands there."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from client.conftest import Automation
from installation import REPO
from support.boards import ServedBoard

GUIDE = REPO / "docs/recording-actions.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.controlplane
def test_the_first_example_posts_and_is_on_record(
    automation: Automation, board: ServedBoard, tmp_path: Path
) -> None:
    job = tmp_path / "job.py"
    job.write_text(BLOCKS[0])
    subprocess.run(
        [sys.executable, job],
        env={
            **os.environ,
            "BOARD": board.origin,
            "KUBECONFIG": str(automation.kubeconfig),
            "NO_PROXY": "127.0.0.1",
        },
        check=True,
        timeout=60,
    )
    (action,) = automation.tenant.every("Action")
    assert action["spec"]["outcome"] == "succeeded"
    assert board.board.messages[action["spec"]["receipt"]["id"]] == "hello"


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_python(block: str) -> None:
    ast.parse(block)
