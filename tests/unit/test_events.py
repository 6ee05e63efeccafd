"""Events are for people: bounded per namespace, counted when dropped, never in the way."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amends.core.key import Key
from amends.kube.connection import Connection
from amends.kube.events import BURST, PER_SECOND, EventRecorder
from amends.ports import Rejected


class SteeredClock:
    """The time that the test says."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 31, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Server(Connection):
    """Keeps the Events that it is sent, or refuses them."""

    def __init__(self, refuses: bool = False) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.refuses = refuses

    async def call(self, method: str, path: str, **options: Any) -> Any:
        if self.refuses:
            raise Rejected("forbidden")
        self.events.append(options["body"])


def say(recorder: EventRecorder, namespace: str, message: str = "done") -> None:
    recorder.say(Key("Compensation", namespace, "undo"), "uid", "Normal", "Executed", message)


async def written(recorder: EventRecorder) -> None:
    """Write everything that is queued."""
    writer = asyncio.create_task(recorder.run())
    await recorder.drain(5)
    writer.cancel()


async def test_a_noisy_tenant_silences_nobody_else() -> None:
    clock, server = SteeredClock(), Server()
    recorder = EventRecorder(server, clock, "holder")
    for _ in range(BURST + 10):
        say(recorder, "noisy")
    say(recorder, "quiet")

    await written(recorder)

    spoken = [event["metadata"]["namespace"] for event in server.events]
    assert (spoken.count("noisy"), spoken.count("quiet")) == (BURST, 1)
    assert recorder.dropped == 10


async def test_who_was_too_loud_is_heard_again_later() -> None:
    clock, server = SteeredClock(), Server()
    recorder = EventRecorder(server, clock, "holder")
    for _ in range(BURST + 1):
        say(recorder, "noisy")
    clock.time += timedelta(seconds=1 / PER_SECOND)
    say(recorder, "noisy", "later")

    await written(recorder)

    assert [event["note"] for event in server.events].count("later") == 1


async def test_e3_a_credential_is_not_said() -> None:
    server = Server()
    recorder = EventRecorder(server, SteeredClock(), "holder")
    say(recorder, "tenant", "password=" + "hunter" + "22")

    await written(recorder)

    assert [event["note"] for event in server.events] == ["password=[redacted]"]


@pytest.mark.parametrize("times", [1, 3])
async def test_what_the_server_refuses_is_counted_and_stops_nothing(times: int) -> None:
    recorder = EventRecorder(Server(refuses=True), SteeredClock(), "holder")
    for _ in range(times):
        say(recorder, "tenant")

    await written(recorder)

    assert recorder.dropped == times
