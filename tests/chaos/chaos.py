"""`make chaos`: puts the repository's folders on the path, then runs campaigns (campaigns.py)."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
REPO = TESTS.parent

if __name__ == "__main__":
    # In place of this folder, where the package `chaos` would be hidden by this very file.
    hack = (REPO / "hack/controlplane", REPO / "hack/node")
    folders = (TESTS, REPO, *hack, REPO / "examples/message_board")
    sys.path[:1] = [str(folder) for folder in folders]
    from chaos.campaigns import app

    app(prog_name="make chaos ARGS=...")
