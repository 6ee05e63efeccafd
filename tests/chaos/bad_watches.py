"""What is wrong with what the operator is told: watches that break, lie, or come from the past."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random

from chaos.asked import Answer, Asked, refusal
from chaos.mirror import Way
from chaos.proxy import Carry, Cut, Lines
from chaos.wrongs import Wrong


class WatchClosed(Wrong):
    """Every watch is closed after a moment, as often as not in the middle of a line."""

    async def events(self, asked: Asked, lines: Lines) -> AsyncIterator[bytes]:
        ends = asyncio.get_running_loop().time() + self.dice.uniform(0.1, 1.5)
        self.struck[asked.call] += self.on
        while True:
            try:
                async with asyncio.timeout_at(ends if self.on else None):
                    line = await anext(lines)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if self.dice.randrange(2):
                    yield b'{"type":"MODIFIED","object":{"kind":'
                    raise Cut from None
                return
            yield line


class Expired(Wrong):
    """While the watches are down things are deleted; whoever watches again is told 410.

    Between `cut` and `tell` nobody hears anything.
    """

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self._down = False
        self._to_be_told: set[str] = set()

    def cut(self, hang_up: Callable[[], None]) -> None:
        """The watches break."""
        self._down = True
        hang_up()

    def tell(self) -> None:
        """Each is told once that its version is too old."""
        self._down = False
        self._to_be_told = {"dispositions", "approvals", "compensations", "deadletters", "actions"}

    def opened(self, asked: Asked) -> Asked | Answer:
        if self._down:
            raise Cut
        if asked.resource not in self._to_be_told:
            return asked
        self._to_be_told.discard(asked.resource)
        self.struck[asked.call] += 1
        gone = json.loads(refusal(410, "Expired").body)
        event = json.dumps({"type": "ERROR", "object": gone}) + "\n"
        return Answer(200, {"Content-Type": "application/json"}, event.encode())


class OutOfOrder(Wrong):
    """Events come late, in another order and again, and so do events of long ago."""

    longest = 0.6

    async def events(self, asked: Asked, lines: Lines) -> AsyncIterator[bytes]:
        loop, heard, told = asyncio.get_running_loop(), list[bytes](), asyncio.Queue[bytes | None]()

        async def listen() -> None:
            async for line in lines:
                heard.append(line)
                if not self.on:
                    told.put_nowait(line)
                    continue
                self.struck[asked.call] += 1
                for again in (line, *self.dice.sample(heard, min(len(heard), 2))):
                    loop.call_later(self.dice.uniform(0, self.longest), told.put_nowait, again)
            told.put_nowait(None)

        listening = asyncio.create_task(listen())
        try:
            while (line := await told.get()) is not None:
                yield line
        finally:
            listening.cancel()


class OlderReplica(Wrong):
    """Lists of everything, and watches, are answered by a replica that lags behind.

    Reads of one object or one namespace ask etcd wherever they go; so do writes.
    """

    of_hundred = 60

    def __init__(self, dice: Random, replica: Way) -> None:
        super().__init__(dice)
        self._replica = replica

    async def answer(self, asked: Asked, carry: Carry) -> Answer:
        if asked.method != "GET" or asked.name or asked.namespace or not self.strikes(asked):
            return await carry(asked)
        return await carry(self._from_the_past(asked))

    def opened(self, asked: Asked) -> Asked | Answer:
        return self._from_the_past(asked) if self.strikes(asked) else asked

    def _from_the_past(self, asked: Asked) -> Asked:
        """Any version will do, says version 0."""
        path, _, query = asked.path.partition("?")
        kept = [one for one in query.split("&") if one and not one.startswith("resourceVersion=")]
        past = "&".join([*kept, "resourceVersion=0"])
        return replace(asked, path=f"{path}?{past}", way=self._replica)
