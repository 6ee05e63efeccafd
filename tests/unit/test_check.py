"""`amends check` tells a Lease that somebody holds from one that nobody does."""

from datetime import UTC, datetime

import pytest

from amends.cli.prove.check import not_held

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


def lease(holder: str, renewed: str) -> dict[str, object]:
    return {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15}


@pytest.mark.parametrize(
    ("held", "why"),
    [
        pytest.param(lease("pod-1", "2026-11-23T12:00:15.000000Z"), None, id="renewed in time"),
        pytest.param(
            lease("pod-1", "2026-11-23T12:00:14.999999Z"),
            "pod-1 last renewed the Lease at 2026-11-23T12:00:14.999999Z",
            id="run out",
        ),
        pytest.param(
            lease("", "2026-11-23T12:00:29.000000Z"),
            "nobody holds the Lease: look at the operator's pods",
            id="given back",
        ),
    ],
)
def test_who_holds_the_lease(held: dict[str, object], why: str | None) -> None:
    assert not_held(held, NOW) == why
