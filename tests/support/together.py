"""Which tests run in one process, because they share what takes long to start."""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

LONGEST_FIRST = (
    ("tests/integration/test_schema", "schemas"),
    ("tests/integration/test_bad_input.py", "schemas"),
    ("tests/integration/", "integration"),
    ("tests/chaos/", "chaos"),
    ("tests/cli/", "cli"),
    ("tests/e2e/test_demo.py", "demo"),
    ("tests/e2e/", "node"),
    ("tests/node/", "node"),
    ("tests/chart/", "chart"),
    ("tests/property/test_redaction_payloads.py", "redaction"),
    ("tests/admission/", "admission"),
    ("tests/client/", "client"),
    ("tests/image/", "image"),
    ("tests/controlplane/test_fakenode.py", "fakenode"),
)
"""How the path of a test begins, and its group. The first that fits counts."""


def place(test: str) -> int:
    """Where a test's group stands in the order; what stands alone comes last."""
    fits = (number for number, (begins, _) in enumerate(LONGEST_FIRST) if test.startswith(begins))
    return next(fits, len(LONGEST_FIRST))


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps a group in one process.

    pytest-xdist has groups too (`--dist loadgroup`), but 3.8 writes them into a field that
    pytest 9.2 reads no more, so that they have no effect.
    """

    def _split_scope(self, nodeid: str) -> str:
        number = place(nodeid)
        return LONGEST_FIRST[number][1] if number < len(LONGEST_FIRST) else nodeid
