"""What is kept of a log: its last lines, and no secret that only more of it gives away."""

from collections.abc import Mapping
from typing import Any

import pytest

from amends.executors.job.sight import Sight
from amends.ports import Raw
from unit.test_job_manifest import work

BEGIN, END = (f"-----{word} PRIVATE" + " KEY-----" for word in ("BEGIN", "END"))
JOB: Raw = {"metadata": {"name": "job", "uid": "1"}}
POD: Raw = {
    "metadata": {"name": "pod", "uid": "2"},
    "spec": {"nodeName": "a"},
    "status": {
        "phase": "Succeeded",
        "containerStatuses": [
            {"name": "undo", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
        ],
    },
}
BROKEN = 16 * 1024
"""Characters at which a runtime breaks a line."""


class Kubelet:
    """Answers for one ended pod whose program has written this."""

    def __init__(self, log: str) -> None:
        self._lines = [
            line[at : at + BROKEN]
            for line in log.splitlines(keepends=True)
            for at in range(0, len(line), BROKEN)
        ]

    async def call(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        """The Job, or its pods."""
        pods = [] if path.endswith("/events") else [POD]
        return JOB if "/jobs/" in path else {"items": pods, "metadata": {"resourceVersion": "1"}}

    async def text(
        self,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """The last lines, and of those the first bytes, as a kubelet gives them."""
        assert query is not None
        last = "".join(self._lines[-int(query["tailLines"]) :])
        return last[: int(query["limitBytes"])]


async def kept(log: str) -> list[str] | None:
    sight = Sight(Kubelet(log), work(), JOB)
    await sight.look()
    found = (await sight.told(None)).log
    return None if found is None else [*found]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param("", [], id="nothing said"),
        pytest.param("one\ntwo\n", ["one", "two"], id="all of a short one"),
        pytest.param(
            f"first\n{BEGIN}\n{'MIIEvQ' * 10}\n" + f"{'MIIEvQ' * 10}\n" * 30 + f"{END}\ndone\n",
            ["first", "[redacted]", "done"],
            id="a key that is longer than what is kept",
        ),
        pytest.param(
            f"{BEGIN}\n" + f"{'MIIEvQ' * 10}\n" * 500 + f"{END}\ndone\n",
            ["[redacted]", "done"],
            id="a key that is longer than what is asked for",
        ),
        pytest.param(
            ("x" * 1000 + "\n") * 300 + "done\n",
            [*["x" * 1000] * 8, "done"],
            id="the last of many long lines",
        ),
        pytest.param(
            ("x" * 60_000 + "\n") * 3 + "done\n",
            ["done"],
            id="the last line after some that are longer than what is asked for",
        ),
        pytest.param(
            "x" * (4 * BROKEN - 4) + " password=hunter2\nnot yet\n",
            ["not yet"],
            id="half a secret, as its line was broken in its middle",
        ),
    ],
)
async def test_i6_the_last_lines_are_kept_without_secrets(log: str, expected: list[str]) -> None:
    assert await kept(log) == expected
