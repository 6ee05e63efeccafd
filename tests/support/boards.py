"""The message board of the examples, served from a thread of the test."""

import asyncio
import threading
from collections import Counter

from aiohttp import web
from board import Board


class ServedBoard:
    """A board, and where it is served."""

    def __init__(self) -> None:
        self.board = Board()
        self.origin = ""
        self._loop = asyncio.new_event_loop()
        self._runner = web.AppRunner(self.board.app(), shutdown_timeout=0.1)
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,))
        self._thread.start()
        started.wait()

    def effects(self) -> Counter[str]:
        """How often something was really removed, per idempotency key."""
        return Counter(self.board.effects)

    def undo(self, message: str) -> dict[str, object]:
        """What an undo of a message asks for."""
        return {"method": "DELETE", "url": f"{self.origin}/messages/{message}"}

    def stop(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
