"""Tables of one kind: what the server shows of its objects, asked for a few or all at a time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from amends.api import KINDS
from amends.cli.asked import ledger
from amends.cli.asked.session import Session
from amends.kube.paths import path_of
from amends.runtime.clock import SystemClock

PERIODS = {kind.__name__: kind.SERVED.period.removeprefix(".") for kind in KINDS}


class ServerTables:
    """The tables of one kind in the namespace of a session, or in all of them."""

    def __init__(self, session: Session, kind: str, selector: str) -> None:
        self._session = session
        self._kind = kind
        self._selector = selector
        self.period = PERIODS[kind]

    def first(self, rows: int) -> ledger.Table:
        """So many rows at most, by name; its metadata has `continue` if there are more."""
        return self._session.table(self._kind, self._query(self._selector, rows))

    def whole(self, selectors: Sequence[str]) -> Sequence[ledger.Table]:
        """Every row that matches one of these field selectors, asked for side by side."""

        async def every() -> list[list[ledger.Table]]:
            return await asyncio.gather(*(self._whole(one) for one in selectors))

        asked = self._session.asked("list", self._kind, self._session.namespace)
        return [table for tables in self._session.run(every(), asked) for table in tables]

    def now(self) -> datetime:
        """The time by the server's clock, which it tells with every answer."""
        return self._session.connection.server_time or SystemClock().now()

    async def _whole(self, selector: str) -> list[ledger.Table]:
        both = ",".join(one for one in (self._selector, selector) if one)
        from amends.kube.connection import pages  # slow to import; a session has it by now

        path = path_of(self._kind, self._session.namespace)
        query = self._query(both, ledger.ALL_ROWS)
        asked = pages(self._session.connection, path, query, ledger.ACCEPT)
        return [table async for table in asked]

    def _query(self, selector: str, rows: int) -> dict[str, str]:
        query = {"limit": str(rows), "includeObject": "None", "fieldSelector": selector}
        return {name: value for name, value in query.items() if value}
