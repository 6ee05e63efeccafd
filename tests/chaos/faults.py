"""The faults campaign: one kind of fault after another between a real operator and the outside.

All stories are told side by side under every kind: on the way to the API server, and on the way to
the targets. Their ends, Receipts and real effects must equal those of an undisturbed telling.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from typing import Annotated

import typer

from chaos import hauntings
from chaos.fault_kinds import EVERYWHERE
from chaos.fences import QUICK, SLOW, Fence
from chaos.figures import Figures, seed_of
from chaos.for_tenants import LASTS, ForTenants
from chaos.grounds import grounds
from chaos.haunted import Haunted, haunted
from chaos.older_replica import Replica, replica
from chaos.rig import Stage
from chaos.scenarios import Scenario
from chaos.wrongs import LONGEST_DELAY

AT_TARGET = "target: "

Seed = Annotated[int | None, typer.Option(help="Seed of the dice; default: a new one.")]
Only = Annotated[list[str] | None, typer.Option(help="Part of a kind's name; repeatable.")]


def command(seed: Seed = None, only: Only = None) -> Figures:
    """Answers lost, late, refused, cut, stale, out of order or from the past, at every call."""
    chosen, began = seed_of(seed), time.monotonic()
    with ExitStack() as stack:
        cp, stage = stack.enter_context(grounds())
        older = stack.enter_context(replica(cp))
        played = asyncio.run(_campaign(stage, older, random.Random(chosen), only or [""]))
    words = ["faults", f"--seed {chosen}", *(f"--only '{one}'" for one in only or ())]
    return Figures(
        "faults",
        " ".join(words),
        chosen,
        time.monotonic() - began,
        _numbers(played),
        [why for one in played for why in one.broken(played[0].ends)],
    )


async def _campaign(
    stage: Stage, older: Replica, dice: random.Random, only: Sequence[str]
) -> list[Scenario]:
    async with haunted(stage) as on:
        played = [Scenario("undisturbed", on)]
        await played[0].play()
        async for one in scenarios(on, older, dice):
            if any(part in one.name for part in only):
                await one.play()
                played.append(one)
                broken = one.broken(played[0].ends)
                typer.echo(told(one, len(broken)), err=True)
                for why in broken:
                    typer.echo(f"BROKEN {why}", err=True)
        return played


async def scenarios(on: Haunted, older: Replica, dice: random.Random) -> AsyncIterator[Scenario]:
    """Every kind of fault, each made when it is its turn."""
    for name, kind in EVERYWHERE.items():
        lasts = 2 * LONGEST_DELAY if name.endswith("60 s") else 10.0
        yield Scenario(name, on, kind(dice), lasts=lasts)
    yield Scenario("asked for a tenant", on, ForTenants(dice), lasts=LASTS)
    yield await hauntings.deletions_while_nobody_hears(on, dice)
    yield await hauntings.expired_tokens(on, dice)
    yield await hauntings.time_travel(on, dice, older)
    for name, fault in {**QUICK, **SLOW}.items():
        yield Scenario(AT_TARGET + name, on, fence=Fence(fault, dice))


def told(one: Scenario, broken: int) -> str:
    """One line about a scenario."""
    return (
        f"{one.name}: {one.seconds:.0f} s, struck {one.strikes} times, recovered in "
        f"{one.recovered_in:.1f} s, {len(one.kept.ends)} restarts, {broken} broken"
    )


def _numbers(played: Sequence[Scenario]) -> list[tuple[str, float]]:
    """Of all scenarios together, and the worst of them."""
    calm, *rest = played
    return [
        ("kinds of faults", len(rest)),
        ("stories told", sum(len(one.ends) for one in played)),
        *((f"{one.name}: struck", one.strikes) for one in rest),
        ("operators that ended and were started again", sum(len(one.kept.ends) for one in rest)),
        (
            "seconds to recover after the end of a fault, at most",
            round(max((one.recovered_in for one in rest), default=0), 1),
        ),
        ("requests in a second, undisturbed", calm.busiest.together),
        ("requests in a second, at most", max((one.busiest.together for one in rest), default=0)),
        (
            "of one sort for one object in a second, at most",
            max((one.busiest.of_one for one in rest), default=0),
        ),
    ]
