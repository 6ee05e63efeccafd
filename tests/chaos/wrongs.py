"""What the proxy does wrong on the way to the API server: each kind of fault is a policy.

A kind strikes the first call of each sort in each namespace, and every other call under its dice.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from chaos.asked import Answer, Asked, refusal
from chaos.proxy import Carry, Cut, Honest, Lines
from chaos.stories import EVERY_STORY, Story
from chaos.striker import Striker

LONGEST_DELAY = 60.0
REQUEST_TIMES_OUT = 15.0
"""Seconds until the operator counts an answer as lost."""
PATIENCE_ASKED = 2
"""Seconds that Retry-After asks for."""


class Wrong(Honest, Striker):
    """A kind of fault, for as long as it is on."""

    of_hundred = 20
    """How many of the later calls it strikes."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.on = True
        self.struck: Counter[str] = Counter()
        self._met: set[tuple[str, str]] = set()

    def stories(self) -> Mapping[str, Story]:
        """Those that it can reach, by the name under which each is told."""
        return EVERY_STORY

    def told(self, namespaces: Mapping[str, str]) -> None:
        """Each story is told in this namespace."""

    def strikes(self, asked: Asked) -> bool:
        """Whether it is this one's turn."""
        if not self.on:
            return False
        first = (asked.namespace, asked.call) not in self._met
        self._met.add((asked.namespace, asked.call))
        if not first and self.dice.randrange(100) >= self.of_hundred:
            return False
        self.struck[asked.call] += 1
        return True

    async def answer(self, asked: Asked, carry: Carry) -> Answer:
        return await (self.spoil(asked, carry) if self.strikes(asked) else carry(asked))

    async def spoil(self, asked: Asked, carry: Carry) -> Answer:
        """What becomes of a request that is struck."""
        return await carry(asked)


class AnswerLost(Wrong):
    """The request is carried out, and the connection is reset before the answer."""

    async def spoil(self, asked: Asked, carry: Carry) -> Answer:
        await carry(asked)
        raise Cut


class Reset(Wrong):
    """The connection is reset, and nothing is carried out."""

    async def spoil(self, asked: Asked, carry: Carry) -> Answer:
        raise Cut

    def opened(self, asked: Asked) -> Asked | Answer:
        if self.strikes(asked):
            raise Cut
        return asked


class HalfABody(Wrong):
    """The request is carried out, and the connection breaks in the middle of the answer."""

    async def spoil(self, asked: Asked, carry: Carry) -> Answer:
        return replace(await carry(asked), whole=False)

    async def events(self, asked: Asked, lines: Lines) -> AsyncIterator[bytes]:
        async for line in lines:
            if self.strikes(asked):
                yield line[: len(line) // 2]
                raise Cut
            yield line


class Late(Wrong):
    """Requests arrive late, or their answers do: by up to `longest` seconds."""

    of_hundred = 10
    longest = 3.0

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.longest_of_all = 0.0

    async def spoil(self, asked: Asked, carry: Carry) -> Answer:
        seconds = self.dice.uniform(0, self.longest)
        before = seconds * self.dice.randrange(2)
        self.longest_of_all = max(self.longest_of_all, seconds)
        await asyncio.sleep(before)
        answer = await carry(asked)
        await asyncio.sleep(seconds - before)
        return answer


class VeryLate(Late):
    """The same, longer than the operator waits: what it has given up arrives all the same."""

    of_hundred = 2
    longest = LONGEST_DELAY

    def strikes(self, asked: Asked) -> bool:
        # Of the first calls only writes, and one in four: else nothing else would ever happen.
        if not asked.writes and self.dice.randrange(4):
            return False
        return self.dice.randrange(4) == 0 and super().strikes(asked)


@dataclass(frozen=True)
class Said:
    """How an API server refuses."""

    status: int
    reason: str
    headers: Mapping[str, str]


class Refused(Wrong):
    """The request is refused, and nothing is carried out."""

    said = Said(503, "ServiceUnavailable", {})

    async def spoil(self, asked: Asked, carry: Carry) -> Answer:
        return refusal(self.said.status, self.said.reason, **self.said.headers)

    def opened(self, asked: Asked) -> Asked | Answer:
        if self.strikes(asked):
            return refusal(self.said.status, self.said.reason, **self.said.headers)
        return asked


class Conflict(Refused):
    """Somebody wrote first, it says: a write answers 409."""

    said = Said(409, "Conflict", {})

    def strikes(self, asked: Asked) -> bool:
        return asked.writes and super().strikes(asked)


class TooMany(Refused):
    """429, with the time after which to ask again."""

    said = Said(429, "TooManyRequests", {"Retry_After": str(PATIENCE_ASKED)})


class Unauthorized(Refused):
    """401: the token is refused, which is the operator's own wherever it asks."""

    said = Said(401, "Unauthorized", {})


class Broken(Refused):
    """500; as often as not it has been carried out all the same."""

    said = Said(500, "InternalError", {})

    async def spoil(self, asked: Asked, carry: Carry) -> Answer:
        if self.dice.randrange(2):
            await carry(asked)
        return await super().spoil(asked, carry)


class TokenExpired(Wrong):
    """The tokens that are revoked are refused, everywhere."""

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self.revoked: set[str] = set()

    async def answer(self, asked: Asked, carry: Carry) -> Answer:
        if asked.token not in self.revoked:
            return await carry(asked)
        self.struck[asked.call] += 1
        return refusal(401, "Unauthorized")

    def opened(self, asked: Asked) -> Asked | Answer:
        if asked.token not in self.revoked:
            return asked
        self.struck[asked.call] += 1
        return refusal(401, "Unauthorized")
