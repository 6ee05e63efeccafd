"""Deliveries: notices on their way to receivers, beside the machine, and what they came to.

Nothing here survives the process, and nothing here has to: a notice is on record before it is sent,
and its receiver knows it by its id. No reconcile waits for one. A namespace has its own places, so
a receiver that is slow delays the notices of its own namespace and nothing else.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog

from amends.core.decision import Deliver
from amends.core.escalation import Delivered, Delivery, NotDelivered
from amends.core.key import Key
from amends.ports import Notifier

log = structlog.get_logger(__name__)

PLACES = 4
"""How many notices of one namespace are on their way at once."""
TIMEOUT_SECONDS = 15.0
"""How long a receiver may take to acknowledge one."""


class Deliveries:
    """At most one delivery per object. `ended` is called with the key when it came to something."""

    def __init__(
        self,
        notifier: Notifier | None,
        ended: Callable[[Key], None],
        counted: Callable[[Delivered | NotDelivered], None] | None = None,
    ) -> None:
        self._notifier = notifier
        self._ended = ended
        self._counted = counted
        self._known: dict[Key, Delivery] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, key: Key) -> Delivery | None:
        """The delivery that is under way for the object, or what it came to."""
        return self._known.get(key)

    def start(self, key: Key, what: Deliver) -> None:
        """Send it, without waiting."""
        self.withdraw(key)
        self._known[key] = Delivery(what.id, what.number)
        name = f"notice {what.id} #{what.number}"
        self._tasks[key] = asyncio.create_task(self._run(key, what), name=name)

    def withdraw(self, key: Key) -> None:
        """Stop it if it is still under way, and forget what it came to."""
        self._known.pop(key, None)
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()

    def stop(self) -> None:
        """Stop them all: what is not acknowledged is sent by whoever comes next."""
        for key in list(self._known):
            self.withdraw(key)

    async def _run(self, key: Key, what: Deliver) -> None:
        places = self._places.setdefault(key.namespace, asyncio.Semaphore(PLACES))
        async with places:
            came_to = await self._came_to(key, what)
        if self._tasks.get(key) is not asyncio.current_task():
            return  # withdrawn, though it would not be stopped: nobody waits for it
        if self._counted is not None:
            self._counted(came_to)
        del self._tasks[key]
        self._known[key] = replace(self._known[key], came_to=came_to)
        log.info("notice sent", object=str(key), notice=what.id, number=what.number, result=came_to)
        self._ended(key)

    async def _came_to(self, key: Key, what: Deliver) -> Delivered | NotDelivered:
        if self._notifier is None:
            return NotDelivered("no notifier is installed here")
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._notifier.deliver(key.namespace, what.secret, what.event)
        except TimeoutError:
            return NotDelivered(f"the receiver did not acknowledge it within {TIMEOUT_SECONDS:g} s")
        except Exception as why:
            # A bug of ours must not take the machine with it; the notice is sent again.
            log.exception("notifier failed", notice=what.id)
            return NotDelivered(f"it could not be sent: {type(why).__name__}")
