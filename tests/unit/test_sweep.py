"""Row D3, the sweep itself: a last look, an export before each delete, and no harm when stopped."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta

import pytest

from amends.core.key import Key
from amends.core.namespace import RETENTION
from amends.kube.cache import Cache, key_of
from amends.ports import Conflict, Namespace, NotArchived, Raw, Rejected
from amends.runtime import metrics
from amends.runtime.metrics import Metrics
from amends.runtime.retention import Sweeper
from support.api import Object
from support.records import EFFECT, NAMESPACE, NOW, action, compensation, letter, receipt

MONTH = timedelta(days=30)


def nothing(key: Key) -> None:
    """Nothing happens meanwhile."""


class Server:
    """The Records port in memory. `before_get` is called when a record is looked at again."""

    def __init__(self, *records: Object, annotation: str | None) -> None:
        self.there: dict[Key, Object] = {key_of(raw): raw for raw in records}
        self.annotations = {RETENTION: annotation} if annotation is not None else {}
        self.deletes: list[str] = []
        self.refuses: Exception | None = None
        self.before_get: Callable[[Key], object] = nothing

    async def namespaces(self) -> Mapping[str, Namespace]:
        return {NAMESPACE: Namespace({}, self.annotations)}

    async def list(self, kind: str, selector: str, namespace: str) -> AsyncIterator[Raw]:
        for key, raw in list(self.there.items()):
            if key.kind == kind:
                yield raw

    async def get(self, key: Key) -> Raw | None:
        self.before_get(key)
        return self.there.get(key)

    async def delete(self, before: Raw) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.deletes.append(before["metadata"]["name"])
        del self.there[key_of(before)]

    def write(self, key: Key) -> None:
        """Somebody writes to the object."""
        meta = self.there[key]["metadata"]
        self.there[key] = {**self.there[key], "metadata": {**meta, "resourceVersion": "999999"}}


class Shelf:
    """The Archive port in memory."""

    def __init__(self, server: Server) -> None:
        self.kept: list[Raw] = []
        self.full = False
        self._server = server

    async def keep(self, record: Raw) -> None:
        if self.full:
            raise NotArchived("no space left on device")
        assert key_of(record) in self._server.there
        self.kept.append(record)


class Noon:
    def now(self) -> datetime:
        return NOW


class Sweep:
    """One sweeper and everything around it."""

    def __init__(
        self,
        *records: Object,
        keep: timedelta = MONTH,
        annotation: str | None = None,
        every: timedelta = timedelta(hours=1),
        per_second: float = 1e6,
    ) -> None:
        self.server = Server(*records, annotation=annotation)
        self.shelf = Shelf(self.server)
        self.cache = Cache()
        self.counted = Metrics()
        self.sweeper = Sweeper(
            self.server,
            self.cache,
            self.shelf,
            Noon(),
            self.counted,
            keep=keep,
            every=every,
            per_second=per_second,
        )

    def count(self, family: metrics.Family, *labels: str) -> float:
        return self.counted.value(family, *labels)


async def test_d3_a_record_is_exported_before_it_is_deleted() -> None:
    undo = compensation()
    sweep = Sweep(undo)
    await sweep.sweeper.sweep()
    assert sweep.server.there == {}
    assert sweep.shelf.kept == [undo]
    assert sweep.count(metrics.DELETED, "Compensation") == 1
    assert sweep.count(metrics.EXPORTED, "Compensation") == 1
    assert sweep.count(metrics.LAST_SWEEP) == NOW.timestamp()


@pytest.mark.parametrize(
    ("default", "annotation", "left"),
    [
        pytest.param(MONTH, None, 0, id="the operator's default"),
        pytest.param(timedelta(0), None, 1, id="0 keeps all"),
        pytest.param(timedelta(0), "30d", 0, id="the annotation over a default that keeps all"),
        pytest.param(MONTH, "0", 1, id="the annotation keeps all over a default that does not"),
        pytest.param(MONTH, "60d", 1, id="the annotation keeps for longer"),
        pytest.param(MONTH, "1 day", 1, id="an annotation that cannot be read keeps all"),
    ],
)
async def test_d3_the_annotation_of_the_namespace_overrides_the_default(
    default: timedelta, annotation: str | None, left: int
) -> None:
    sweep = Sweep(compensation(), keep=default, annotation=annotation)
    await sweep.sweeper.sweep()
    assert len(sweep.server.there) == left


async def test_d3_a_record_that_changed_since_it_was_selected_is_not_deleted() -> None:
    undo = compensation()
    sweep = Sweep(undo)
    sweep.server.before_get = sweep.server.write
    await sweep.sweeper.sweep()
    assert (sweep.server.deletes, sweep.shelf.kept) == ([], [])
    assert sweep.count(metrics.KEPT_BACK, "Compensation") == 1


async def test_d3_a_record_that_changes_under_the_delete_is_kept_by_the_server() -> None:
    sweep = Sweep(compensation())
    sweep.server.refuses = Conflict("the object has been modified")
    await sweep.sweeper.sweep()
    assert len(sweep.server.there) == 1
    assert sweep.count(metrics.KEPT_BACK, "Compensation") == 1
    assert sweep.count(metrics.DELETED, "Compensation") == 0


async def test_d3_open_work_that_appears_meanwhile_keeps_its_effect() -> None:
    sweep = Sweep(compensation())
    opened = letter(phase="Open", settled=False)
    sweep.server.before_get = lambda key: sweep.cache.put(opened)
    await sweep.sweeper.sweep()
    assert sweep.server.deletes == []


async def test_d3_a_proof_whose_subject_is_there_after_all_is_kept() -> None:
    """A list may lag behind; the last look does not."""
    sweep = Sweep(receipt())
    post = action()
    sweep.server.before_get = lambda key: sweep.server.there.setdefault(key_of(post), post)
    await sweep.sweeper.sweep()
    assert f"{EFFECT}-1" not in sweep.server.deletes


async def test_d3_when_a_later_receipt_is_kept_back_the_earlier_ones_stay() -> None:
    chain = [receipt(50, sequence=1), receipt(40, sequence=2)]
    sweep = Sweep(*chain)
    latest = key_of(chain[1])

    def write_to_the_latest(key: Key) -> None:
        if key == latest:
            sweep.server.write(key)

    sweep.server.before_get = write_to_the_latest
    await sweep.sweeper.sweep()
    assert sweep.server.deletes == []
    assert sweep.count(metrics.KEPT_BACK, "Receipt") == 2


async def test_d3_a_sweep_keeps_to_its_rate() -> None:
    sweep = Sweep(*(compensation(f"undo-{number}") for number in range(6)), per_second=50)
    time = asyncio.get_running_loop().time
    began = time()
    await sweep.sweeper.sweep()
    assert sweep.server.there == {}
    assert time() - began >= 6 / 50


async def test_d3_nothing_is_deleted_when_the_export_fails() -> None:
    sweep = Sweep(compensation(), letter())
    sweep.shelf.full = True
    with pytest.raises(NotArchived):
        await sweep.sweeper.sweep()
    assert len(sweep.server.there) == 2
    assert sweep.count(metrics.LAST_SWEEP) == 0


async def test_d3_a_sweep_that_was_interrupted_is_taken_up_by_the_next() -> None:
    many = [compensation(f"undo-{number}") for number in range(9)]
    sweep = Sweep(*many)

    def after_four(key: Key) -> None:
        if len(sweep.server.deletes) == 4:
            raise asyncio.CancelledError

    sweep.server.before_get = after_four
    with pytest.raises(asyncio.CancelledError):
        await sweep.sweeper.sweep()
    assert len(sweep.server.there) == 5
    sweep.server.before_get = nothing
    await sweep.sweeper.sweep()
    assert sweep.server.there == {}
    assert len(sweep.shelf.kept) == 9


@pytest.mark.parametrize(
    ("trouble", "counted"),
    [
        pytest.param(NotArchived("no space left on device"), 1, id="the export fails"),
        pytest.param(Rejected("403 forbidden"), 0, id="a right is missing"),
        pytest.param(RuntimeError("a bug"), 0, id="a bug of ours"),
    ],
)
async def test_d3_whatever_goes_wrong_the_next_sweep_comes(
    trouble: Exception, counted: int
) -> None:
    sweep, asked = Sweep(compensation(), every=timedelta(0)), asyncio.Semaphore(0)

    def fail(key: Key) -> None:
        asked.release()
        raise trouble

    sweep.server.before_get = fail
    running = asyncio.create_task(sweep.sweeper.run())
    async with asyncio.timeout(5):
        await asked.acquire()
        await asked.acquire()
    assert sweep.count(metrics.EXPORT_FAILURES) >= counted
    assert (len(sweep.server.there), sweep.count(metrics.LAST_SWEEP)) == (1, 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
