"""What goes wrong where the operator asks the API server for a tenant: for its Job, for its object.

All kinds of faults at once, side by side: each has stories of its own, and of these it strikes
nothing but the calls as the tenant's account. So it is on when these calls are made at last, which
a fault that strikes everything keeps away until it is over. Only the first of each sort is struck:
whoever tries an object again has so many attempts, and dice might take all of them.
"""

from collections.abc import AsyncIterator, Mapping
from random import Random

from chaos.asked import Answer, Asked
from chaos.fault_kinds import EVERYWHERE
from chaos.proxy import Carry, Lines
from chaos.stories import EVERY_STORY, Story
from chaos.wrongs import Unauthorized, VeryLate, Wrong

KINDS = {
    **{name: kind for name, kind in EVERYWHERE.items() if kind is not VeryLate},
    "401": Unauthorized,
}
LASTS = 60.0
"""Seconds at most: a story is struck at every call, and some of them are made after a pause."""
BETWEEN = " under "


class ForTenants(Wrong):
    """Passes each call for a tenant to the kind of fault whose story it belongs to."""

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        self._kinds = {name: kind(dice) for name, kind in KINDS.items()}
        for one in self._kinds.values():
            one.of_hundred = 0
        self._by_namespace: dict[str, Wrong] = {}

    def stories(self) -> Mapping[str, Story]:
        """Those that ask the API server for a tenant, once for each kind."""
        return {
            f"{name}{BETWEEN}{kind}": story
            for kind in self._kinds
            for name, story in EVERY_STORY.items()
            if story.deed.for_a_tenant
        }

    def told(self, namespaces: Mapping[str, str]) -> None:
        for name, namespace in namespaces.items():
            self._by_namespace[namespace] = self._kinds[name.partition(BETWEEN)[2]]

    def unharmed(self) -> list[str]:
        return [f"{name} was never injected" for name, one in self._kinds.items() if not one.total]

    @property
    def total(self) -> int:
        return sum(one.total for one in self._kinds.values())

    async def answer(self, asked: Asked, carry: Carry) -> Answer:
        wrong = self._wrong(asked)
        return await (carry(asked) if wrong is None else wrong.answer(asked, carry))

    def opened(self, asked: Asked) -> Asked | Answer:
        wrong = self._wrong(asked)
        return asked if wrong is None else wrong.opened(asked)

    def events(self, asked: Asked, lines: Lines) -> AsyncIterator[bytes]:
        wrong = self._wrong(asked)
        return lines if wrong is None else wrong.events(asked, lines)

    def _wrong(self, asked: Asked) -> Wrong | None:
        """By the account, for discovery is in no namespace."""
        namespace = asked.acts_as.rpartition(":")[0].rpartition(":")[2]
        return self._by_namespace.get(namespace) if self.on else None
