"""The least a Python client can do: the operator's four writes, prepared, in a process of its own.

No watch, no cache, no decisions: every body was made before, only the resource version of the
second status write is taken from the answer to the first.

    python -m bench.raw_client KUBECONFIG REQUESTS    a line of REQUESTS: one compensation's four
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from bench.access import session

IN_FLIGHT = 32

Request = dict[str, Any]


async def undo(client: aiohttp.ClientSession, requests: list[Request]) -> None:
    """One compensation, write after write."""
    claim, receipt, complete, link = requests
    running = json.loads(await send(client, claim))
    await send(client, receipt)
    complete["body"]["metadata"]["resourceVersion"] = running["metadata"]["resourceVersion"]
    await send(client, complete)
    await send(client, link)


async def send(client: aiohttp.ClientSession, request: Request) -> bytes:
    """One write; the answer is read to its end."""
    async with client.request(
        request["method"],
        request["path"],
        data=json.dumps(request["body"]),
        headers={"Content-Type": request["content_type"]},
    ) as answer:
        content = await answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{request['path']}: {answer.status} {content.decode()}")
        return content


async def work(client: aiohttp.ClientSession, jobs: Iterator[list[Request]]) -> None:
    """One of those in flight: the next compensation as soon as the last is done."""
    for requests in jobs:
        await undo(client, requests)


async def run(kubeconfig: Path, requests: Sequence[str]) -> None:
    """Every line; prints the processor time that it took from the first write on."""
    jobs = iter([json.loads(line) for line in requests])
    async with session(kubeconfig, IN_FLIGHT) as client:
        before = time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work(client, jobs))
        print(json.dumps({"cpu_seconds": time.process_time() - before}))


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), Path(sys.argv[2]).read_text().splitlines()))
