"""What has to be done besides, for the kinds of faults that need more than a policy."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

from amends.kube.cache import OPEN_WORK
from chaos.bad_watches import Expired, OlderReplica
from chaos.haunted import Haunted
from chaos.older_replica import Replica
from chaos.scenarios import STARTS_WITHIN, Scenario
from chaos.stories import STORIES, Story
from chaos.telling import PLURALS, Told
from chaos.wrongs import TokenExpired
from waiting import wait_for

ACCOUNT = "/api/v1/namespaces/amends-system/serviceaccounts/amends/token"
DELETED = ("Action", "Compensation", "DeadLetter", "Approval")
WAITING = "never-decided"


async def deletions_while_nobody_hears(on: Haunted, dice: Random) -> Scenario:
    """Objects go while the watches are down; then come the 410s, and a namesake.

    Nobody tells what has gone: the operator finds it by comparing what it knows with the server.
    Of a namesake everything must begin anew.
    """
    wrong = Expired(dice)

    async def during(scenario: Scenario) -> None:
        told = scenario.told.pop(WAITING)
        await on.until(told.namespace, lambda: _waits_for_people(told))
        wrong.cut(on.proxy.hang_up)
        for kind, objects in (await told.objects(*DELETED)).items():
            for raw in objects:
                await told.remove(kind, raw["metadata"]["name"])
        wrong.tell()
        asked = len(on.proxy.book)
        await asyncio.to_thread(
            wait_for, lambda: _compared(on, asked), seconds=STARTS_WITHIN, what="a comparison"
        )
        again = replace(told, story=STORIES["undone-under-a-key"])
        await again.begin()
        await again.decide()
        await on.until(again.namespace, again.is_over)
        (undo,) = (await again.objects("Compensation"))["Compensation"]
        if undo["status"]["phase"] != "Completed" or again.board.effects.total() != 1:
            scenario.late.append(f"the namesake of what was deleted: {undo['status']}")

    return Scenario(
        "410 with deletions meanwhile",
        *(on, wrong),
        during=during,
        besides={WAITING: Story(decision="")},
        # What has gone is found by comparing everything: in ten minutes, if it is not told sooner.
        arguments=("--resync-seconds", "5"),
    )


def _compared(on: Haunted, since: int) -> bool:
    """Whether everything has been listed again since, by the watches and by the comparison."""
    calls = Counter(one.asked.call for one in list(on.proxy.book)[since:])
    return all(calls[f"list {PLURALS[kind]}"] > 2 for kind in OPEN_WORK)


async def _waits_for_people(told: Told) -> bool:
    found = (await told.seen())["Compensation"]
    return any(one["status"]["phase"] == "AwaitingApproval" for one in found)


async def expired_tokens(on: Haunted, dice: Random) -> Scenario:
    """The token's file gets a new one: once in time, once seconds after the old one is refused."""
    wrong, file = TokenExpired(dice), on.folder / "token"
    tokens = [await _token(on) for _ in "123"]
    _put(file, tokens[0])

    async def during(scenario: Scenario) -> None:
        await _working(scenario)
        for old, new, seconds_late in zip(tokens, tokens[1:], (0, 4), strict=False):
            await asyncio.sleep(2)
            if not seconds_late:
                _put(file, new)
            wrong.revoked.add(old)
            on.proxy.hang_up()
            await asyncio.sleep(seconds_late)
            _put(file, new)

    user = {"tokenFile": str(file)}
    return Scenario("token expired", on, wrong, during=during, user=user)


async def _working(scenario: Scenario) -> None:
    await asyncio.to_thread(
        wait_for, scenario.kept.works, seconds=STARTS_WITHIN, what="the operator to work"
    )


async def _token(on: Haunted) -> str:
    spec = {"expirationSeconds": 600}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = await on.admin.call("POST", ACCOUNT, body=body)
    return str(answer["status"]["token"])


def _put(file: Path, token: str) -> None:
    """Written aside and renamed, as the kubelet does: nobody ever reads half a token."""
    written = file.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(token)
    written.replace(file)


async def time_travel(on: Haunted, dice: Random, replica: Replica) -> Scenario:
    """A replica falls behind and catches up, again and again, and reads go to and fro."""

    async def during(scenario: Scenario) -> None:
        await _working(scenario)
        for _ in range(8):
            replica.relay.close()
            await asyncio.sleep(dice.uniform(0.5, 2.5))
            on.proxy.hang_up()
            await asyncio.sleep(dice.uniform(0.2, 1))
            replica.relay.open()
            await asyncio.sleep(dice.uniform(0.2, 0.8))
        scenario.wrong.on = False  # type: ignore[union-attr]  # it was given below
        on.proxy.hang_up()

    return Scenario(
        "time travel to an older replica", on, OlderReplica(dice, replica.way), during=during
    )
