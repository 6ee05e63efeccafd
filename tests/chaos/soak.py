"""The soak: an hour of random load, faults and restarts; then everything has to come to rest.

Two operator processes, leader and standby, work behind a proxy for three tenants, beside a long
history and much that waits for people. In the end nothing is lost, double or stuck, and the memory
of each process has stayed flat while it led.
"""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from amends.core.namespace import ALLOW, UNAPPROVED
from amends.kube.connection import Connection
from chaos import soak_memory, soak_stock
from chaos.etcd_history import Observer
from chaos.figures import Figures, folder_for, seed_of
from chaos.grounds import grounds
from chaos.history_invariants import broken, claims_do_not_overlap
from chaos.mirror import way_of
from chaos.proxy import proxied
from chaos.replicas import Replica, replicas
from chaos.rig import Stage
from chaos.soak_books import Books, balanced
from chaos.soak_memory import Memory
from chaos.soak_tales import PLOTS, People, Tale
from chaos.soak_target import serving
from chaos.soak_weather import KINDS, TAKE_LONG, Weather, background, own
from controlplane import ControlPlane
from installation import WORKING

TENANTS = ("soak-1", "soak-2", "soak-3")
RESTS_WITHIN = 240.0
"""Seconds from the end of all faults until nothing more happens: the last late answer (60 s), the
end of a claim (30 s), the pause before a target that was found down (30 s or 60 s), attempts."""
BROKEN_SHOWN = 20


@dataclass(frozen=True)
class Plan:
    """How long, how much, how often, in seconds. rate: of arrivals in a second.

    quick: without what takes a minute by itself, answers that are that late.
    """

    seconds: float
    stored: int
    still_open: int
    rate: float
    claim: float = 30.0
    lease: int = 15
    restart_every: float = 300.0
    quick: bool = False
    fault_lasts: tuple[float, float] = (10.0, 30.0)


@dataclass
class Soaked:
    """What came of it."""

    plan: Plan
    tales: Sequence[Tale]
    weather: Weather
    memory: Memory
    books: Books
    rested_in: float
    lost: Sequence[str]
    double: Sequence[str]
    stuck: Sequence[str]
    besides: Sequence[str]
    """What else did not hold."""
    stocked: Counter[str]

    @property
    def broken(self) -> list[str]:
        """A sentence for everything that did not hold."""
        named = (("lost", self.lost), ("double", self.double), ("stuck", self.stuck))
        return [*(f"{name}: {why}" for name, every in named for why in every), *self.besides]


Minutes = Annotated[float, typer.Option(min=0.1, help="How long things are asked for.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the dice; default: a new one.")]
Stored = Annotated[int, typer.Option(min=2, help="Settled objects that are there before.")]
Open = Annotated[int, typer.Option("--open", min=2, help="Objects that wait for people.")]
Rate = Annotated[float, typer.Option(min=0.01, help="What is asked for in a second, on average.")]


def command(
    minutes: Minutes = 60,
    seed: Seed = None,
    stored: Stored = 50_000,
    still_open: Open = 1000,
    rate: Rate = 0.7,
) -> Figures:
    """An hour of random load, faults and restarts: 0 lost, 0 double, 0 stuck, memory flat."""
    chosen, began = seed_of(seed), time.monotonic()
    plan = Plan(minutes * 60, stored, still_open, rate)
    folder = folder_for("soak")
    with grounds(token_seconds=round(plan.seconds) + 7200) as (cp, stage):
        soaked = soak(cp, stage, plan, random.Random(chosen), folder)
    words = f"soak --minutes {minutes:g} --seed {chosen} --stored {stored} --open {still_open}"
    return Figures(
        "soak",
        f"{words} --rate {rate:g}",
        chosen,
        time.monotonic() - began,
        numbers(soaked),
        soaked.broken,
        folder,
    )


def soak(cp: ControlPlane, stage: Stage, plan: Plan, dice: random.Random, folder: Path) -> Soaked:
    """All of it, on a control plane where Amends is installed. folder: for the operators' logs."""
    revision = soak_stock.stock(cp, stage.operator, plan.stored, plan.still_open, dice)
    with Observer(cp.etcd_endpoint, revision + 1) as observer:
        soaked = asyncio.run(_soak(stage, plan, dice, folder, observer))
        soaked.stocked.update(soak_stock.counted(cp))
        if soaked.stocked != (expected := soak_stock.expected(plan.stored, plan.still_open)):
            soaked.besides = [*soaked.besides, f"stored was {expected}, is {soaked.stocked}"]
        return soaked


async def _soak(
    stage: Stage, plan: Plan, dice: random.Random, folder: Path, observer: Observer
) -> Soaked:
    async with AsyncExitStack() as stack:
        way = way_of(stage.operator)
        proxy = await stack.enter_async_context(proxied(way))
        target = await stack.enter_async_context(serving(own(dice)))
        users = (stage.bob, stage.alice, stage.admin)
        bob, alice, admin = [await Connection.open(one) for one in users]
        for connection in (bob, alice, admin):
            stack.push_async_callback(connection.close)
        people = People(bob, alice, admin, target, own(dice))
        for namespace in TENANTS:
            metadata = {"name": namespace, "annotations": {UNAPPROVED: ALLOW}}
            await people.admin.call("POST", "/api/v1/namespaces", body={"metadata": metadata})
        kubeconfig = proxy.kubeconfig(folder, {"token": way.token})
        arguments = (
            *("--claim-seconds", f"{plan.claim:g}", "--lease-seconds", str(plan.lease)),
            *("--allow-target", target.origin),
        )
        two = stack.enter_context(replicas(kubeconfig, folder, arguments, [0, 0]))
        kinds = [one for one in KINDS if not (plan.quick and one in TAKE_LONG)]
        weather = Weather(
            *(proxy, target, two, own(dice), kinds), plan.fault_lasts, plan.restart_every
        )
        memory, tales = Memory(), list[Tale]()
        async with background(weather.tend()):
            await _until_one_works(two)
            async with background(weather.blow(), weather.restart(), memory.watch(two)):
                failed = await _ask(people, plan, tales)
            ended = time.monotonic()
            await proxy.at_rest()
            books = await _rest(people, tales, ended + RESTS_WITHIN)
            rested_in = time.monotonic() - ended
        everything = await asyncio.to_thread(observer.history)
        history = everything.within(*TENANTS)
        return Soaked(
            *(plan, tales, weather, memory, books, rested_in),
            books.lost(),
            books.double(history),
            books.stuck(),
            [
                *failed(),
                *weather.died(),
                *memory.broken(),
                *broken(history),
                *claims_do_not_overlap(history, lease=plan.claim),
            ],
            Counter(),
        )


async def _until_one_works(two: Sequence[Replica]) -> None:
    async with asyncio.timeout(120):
        await until(lambda: any(map(_works, two)))


def _works(replica: Replica) -> bool:
    return WORKING in replica.lives[-1].log.read_text()


async def _ask(people: People, plan: Plan, tales: list[Tale]) -> Callable[[], list[str]]:
    """Tale after tale begins, at random; what comes back tells which of them have failed."""
    weights, dice = [one.share for one in PLOTS], own(people.dice)
    telling: list[asyncio.Task[None]] = []
    end = time.monotonic() + plan.seconds
    while time.monotonic() < end:
        (plot,) = dice.choices(PLOTS, weights)
        tales.append(Tale(plot, people, dice.choice(TENANTS), len(tales) + 1))
        telling.append(asyncio.create_task(tales[-1].tell()))
        await asyncio.sleep(dice.expovariate(plan.rate))

    def failed() -> list[str]:
        return [
            f"{tale.name} ({tale.plot.name}) cannot go on: {one.exception()!r}"
            for tale, one in zip(tales, telling, strict=True)
            if one.done() and not one.cancelled() and one.exception() is not None
        ]

    return failed


async def until(holds: Callable[[], bool], every: float = 0.5) -> None:
    """Return when it holds."""
    while True:
        if holds():
            return
        await asyncio.sleep(every)


async def _rest(people: People, tales: Sequence[Tale], latest: float) -> Books:
    """Wait until nothing is stuck, or until it is too late."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(
            asyncio.get_running_loop().time() + latest - time.monotonic()
        ):
            await until(lambda: all(tale.over for tale in tales))
            # What follows from their ends, such as statements that count, comes a moment later.
            while True:
                if not (await balanced(people, tales, TENANTS)).stuck():
                    break
                await asyncio.sleep(2)
    return await balanced(people, tales, TENANTS)


def numbers(of: Soaked) -> list[tuple[str, float]]:
    """What is printed."""
    weather, lives = of.weather, of.memory.judged()
    growths = [one.growth() * 100 for one in lives]
    effects = of.weather.target.arrived
    exits = [code for one in weather.replicas for code in one.exits()]
    return [
        ("minutes of load", round(of.plan.seconds / 60, 1)),
        ("settled objects stored", of.plan.stored),
        ("open objects that wait for people", of.plan.still_open),
        ("asked for", len(of.tales)),
        *sorted(Counter(f"  {one.plot.name}" for one in of.tales).items()),
        ("requests that reached the target", len(effects)),
        ("effects", sum(one.applied for one in effects)),
        ("Receipts", len(of.books.objects["Receipt"])),
        ("Attestations by people who looked", len(of.books.objects["Attestation"])),
        ("retries given up after five dispatches", of.books.exhausted()),
        ("periods of faults", weather.periods.total()),
        *sorted((f"  struck, {name}", times) for name, times in weather.struck.items()),
        *sorted((f"restarts by {name}", times) for name, times in weather.restarts.items()),
        ("operators that ended because they lost the Lease", exits.count(3)),
        ("operator processes", sum(len(one.lives) for one in weather.replicas)),
        ("seconds until everything was at rest", round(of.rested_in, 1)),
        ("lost", len(of.lost)),
        ("double", len(of.double)),
        ("stuck", len(of.stuck)),
        ("leaders whose memory was judged", len(lives)),
        ("  the longest of them, in minutes", _longest(lives)),
        ("  growth of the median, percent", _rounded(statistics.median(growths or [0]))),
        ("  growth of the worst, percent", _rounded(max(growths, default=0))),
        ("  MiB at most", _rounded(max((max(one.samples) for one in lives), default=0))),
    ]


def _longest(lives: Sequence[soak_memory.Life]) -> float:
    return _rounded(max((len(one.samples) for one in lives), default=0) * soak_memory.EVERY / 60)


def _rounded(number: float) -> float:
    return round(number, 1)
