"""A pager for tests: does what is asked, or what a Behaviour says. Run it, and it says where."""

import asyncio

from amends.testing import Behaviour

HUGE = 32 * 1024 * 1024


class Pager:
    """Incidents that were closed, by their idempotency keys."""

    def __init__(self) -> None:
        self.closed: dict[str, str] = {}
        self.behaviour = Behaviour.WORKS
        self.connections = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._answer(reader, writer)
        except ConnectionError:
            pass  # whoever asked has left
        finally:
            self.connections -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        if not line:
            return
        _, incident, key, token = line.split()
        if self.behaviour is Behaviour.HANGS:
            await reader.read()  # until whoever asked leaves
            return
        if self.behaviour is Behaviour.REFUSES:
            writer.write(f"NO such token {token}\n".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return
        if key not in self.closed:
            self.closed[key] = incident
            print(f"closed {incident} {key}", flush=True)
        if self.behaviour is Behaviour.LOSES_ANSWERS:
            return
        if self.behaviour is Behaviour.ANSWERS_HUGELY:
            for _ in range(HUGE // 65536):
                writer.write(b"x" * 65536)
                await writer.drain()
        said = f" with {token}" if self.behaviour is Behaviour.ECHOES else ""
        writer.write(f"OK closed{said}\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def main() -> None:
    """Until it is ended."""
    pager = Pager()
    await pager.start()
    print(f"listening 127.0.0.1:{pager.port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
