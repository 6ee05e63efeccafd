"""What a long history leaves behind: tens of thousands of settled objects, beside what is open.

What is open is made by way of the API server, object by object. Of what is settled it makes one
pair; the others are copies of that pair in etcd, each with a name and a uid of its own, stored as
the API server stores them: 50,000 take seconds.
"""

import asyncio
import http.client
import json
import random
import uuid
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

from amends.api import GROUP, VERSION
from bench import seeding
from chaos.etcd_history import PREFIX
from chaos.telling import PLURALS
from controlplane import ControlPlane
from installation import add_tenant
from waiting import wait_for

SETTLED, WAITING = "settled", "waiting"
"""Namespaces of one tenant."""
PHASES = {"Compensation": ("Cancelled", "AwaitingApproval"), "DeadLetter": ("Resolved", "Open")}
"""Of what is settled, and of what waits."""
NAMES = {"Compensation": "undo", "DeadLetter": "dead-letter-effect"}
"""Of what is settled, without their numbers."""
FIRST = "-00000"
"""What the numbers in the names of the first pair look like."""
AT_ONCE = 100
"""Puts in a transaction; etcd allows 128."""


def stock(
    cp: ControlPlane, operator: Any, stored: int, still_open: int, dice: random.Random
) -> int:
    """So many settled and open objects, half of each kind; the revision of etcd after the last.

    The API server reads what is new in etcd object by object. Until it has read all of that it
    answers lists from etcd, which takes it so long that it gives up.
    """
    for namespace in (SETTLED, WAITING):
        add_tenant(cp, namespace, group="tenant-a")
    bob = cp.kubeconfig("bob")

    async def settled(seeder: seeding.Seeder, number: int) -> seeding.Pair:
        return await seeder.settled(SETTLED, number)

    async def waiting(seeder: seeding.Seeder, number: int) -> seeding.Pair:
        return await seeder.waiting(WAITING, number)

    asyncio.run(seeding.seed(bob, operator, settled, 1))
    asyncio.run(seeding.seed(bob, operator, waiting, still_open // 2))
    revision = _copy(cp.etcd_endpoint, stored // 2, dice)
    last = f"-{stored // 2 - 1:05}"
    wait_for(lambda: _has_read(cp, last), seconds=300, what="the API server to read what is stored")
    return revision


def expected(stored: int, still_open: int) -> Counter[str]:
    """What `counted` finds if nobody has touched it."""
    found = Counter[str]()
    for kind, phases in PHASES.items():
        found[f"{kind} {phases[0]}"] = stored // 2
        found[f"{kind} {phases[1]}"] = still_open // 2
    return found


def counted(cp: ControlPlane) -> Counter[str]:
    """What the API server finds of it now, by kind and phase."""
    found = Counter[str]()
    for kind in PHASES:
        for namespace in (SETTLED, WAITING):
            path = f"/apis/amends.dev/v1alpha1/namespaces/{namespace}/{PLURALS[kind]}"
            page = json.loads(cp.kubectl("get", "--raw", f"{path}?limit=500").stdout)
            while True:
                found.update(f"{kind} {one['status']['phase']}" for one in page["items"])
                if not (token := page["metadata"].get("continue")):
                    break
                more = f"{path}?limit=500&continue={quote(token)}"
                page = json.loads(cp.kubectl("get", "--raw", more).stdout)
    return found


def _has_read(cp: ControlPlane, number: str) -> bool:
    """Whether the pair of this number is in what it answers lists from (resourceVersion 0)."""
    return all(
        json.loads(
            cp.kubectl(
                "get",
                "--raw",
                f"/apis/{GROUP}/{VERSION}/namespaces/{SETTLED}/{PLURALS[kind]}"
                f"?resourceVersion=0&fieldSelector=metadata.name%3D{name}{number}",
            ).stdout
        )["items"]
        for kind, name in NAMES.items()
    )


def _copy(endpoint: str, pairs: int, dice: random.Random) -> int:
    with closing(http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=60)) as etcd:
        originals = dict(_originals(etcd))
        puts: list[Mapping[str, Any]] = []
        for number in range(1, pairs):
            for key, text in originals.items():
                uid = json.loads(text)["metadata"]["uid"]
                own = str(uuid.UUID(int=dice.getrandbits(128), version=4))
                numbered = text.replace(FIRST, f"-{number:05}").replace(uid, own)
                puts.append(_put(key.replace(FIRST, f"-{number:05}"), numbered))
        for first in range(0, len(puts), AT_ONCE):
            _ask(etcd, "kv/txn", {"success": puts[first : first + AT_ONCE]})
        return int(_ask(etcd, "kv/range", {"key": _coded(PREFIX)})["header"]["revision"])


def _originals(etcd: http.client.HTTPConnection) -> Iterator[tuple[str, str]]:
    for kind, name in NAMES.items():
        key = f"{PREFIX}{PLURALS[kind]}/{SETTLED}/{name}{FIRST}"
        (found,) = _ask(etcd, "kv/range", {"key": _coded(key)})["kvs"]
        yield key, b64decode(found["value"]).decode()


def _put(key: str, value: str) -> Mapping[str, Any]:
    return {"requestPut": {"key": _coded(key), "value": _coded(value)}}


def _ask(etcd: http.client.HTTPConnection, what: str, body: Mapping[str, Any]) -> Any:
    etcd.request("POST", f"/v3/{what}", body=json.dumps(body))
    return json.loads(etcd.getresponse().read())


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()
