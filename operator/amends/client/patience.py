"""Trying again: a step that begins by reading is repeated until it gets through, for so long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from amends.ports import Conflict, Exists, Fault, Unsure, Waiting

T = TypeVar("T")

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


async def patiently(step: Callable[[], Awaitable[T]], seconds: float) -> T:
    """What the step gives, once the API server lets it through.

    Raises:
        Fault: what stood in the way at last; one that no patience helps at once.
    """
    last: Fault = Waiting(f"no answer within {seconds:g} s")
    pause = FIRST_PAUSE
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await step()
                except (Conflict, Exists) as why:
                    last = why  # somebody was quicker: look again, now
                except (Waiting, Unsure) as why:
                    last = why
                    asked = why.retry_after
                    await asyncio.sleep(max(pause, asked.total_seconds() if asked else 0.0))
                    pause = min(pause * 2, LONGEST_PAUSE)
    except TimeoutError as over:
        raise last from over
