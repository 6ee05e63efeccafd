"""`with recording(…)`: the Action is on record before the call, its outcome after it."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, Unpack

from amends.api.action import ActionSpec
from amends.client import fields
from amends.client.errors import NotClaimed, OutcomeNotRecorded, RecordingError
from amends.client.fields import ActionFields
from amends.client.record import Record, outcome_of
from amends.client.running import RunningAction
from amends.client.surroundings import Place, process_identity
from amends.client.verdict import Word

log = logging.getLogger("amends.client")

T = TypeVar("T")

PATIENCE = 30.0


class Recorder:
    """Where Actions are recorded, and what all of them have in common.

    kubeconfig, context, namespace: as for kubectl; inside a pod its service account. patience:
    seconds for which the API server is tried, before the call and after it. must_record: False if
    the call is to be made even when it cannot be recorded; then a warning is all there is.
    """

    def __init__(
        self,
        *,
        kubeconfig: Path | str | None = None,
        context: str | None = None,
        namespace: str | None = None,
        patience: float = PATIENCE,
        must_record: bool = True,
        **common: Unpack[ActionFields],
    ) -> None:
        self.place = Place(kubeconfig, context, namespace)
        self.patience = patience
        self.must_record = must_record
        self._common = common

    def recording(
        self,
        operation: str,
        *,
        idempotency_key: str,
        name: str | None = None,
        nobody_knows: tuple[type[BaseException], ...] = (),
        **given: Unpack[ActionFields],
    ) -> "Recording":
        """A block around one call, for `with` and `async with`.

        idempotency_key: the same on every run of this step, another for every other effect.
        nobody_knows: further exceptions after which it may have happened.

        Raises:
            WrongField: names every field that does not fit.
        """
        together: ActionFields = {**self._common, **given}
        spec = fields.action_spec(operation, idempotency_key, together)
        stem = fields.stem(name, operation, idempotency_key)
        return Recording(self, spec, stem, nobody_knows)


def recording(
    operation: str,
    *,
    idempotency_key: str,
    name: str | None = None,
    nobody_knows: tuple[type[BaseException], ...] = (),
    **given: Unpack[ActionFields],
) -> "Recording":
    """The same in the cluster and namespace that kubectl would mean, or the pod's own."""
    return Recorder().recording(
        operation, idempotency_key=idempotency_key, name=name, nobody_knows=nobody_knows, **given
    )


class Recording:
    """One block. Entering claims the Action, leaving reports on it.

    Nothing is held open in between: the call may take hours, and credentials may change meanwhile.
    """

    def __init__(
        self,
        recorder: Recorder,
        spec: ActionSpec,
        stem: str,
        nobody_knows: tuple[type[BaseException], ...],
    ) -> None:
        self._recorder = recorder
        self._spec = spec.model_copy(update={"outcome": str(Word.CLAIMED)})
        self._stem = stem
        self._nobody_knows = nobody_knows
        self._record: Record | None = None
        self._action: RunningAction | None = None

    async def __aenter__(self) -> RunningAction:
        if self._action is not None:
            raise RuntimeError("this recording has begun before: call recording(…) for each block")
        assert self._spec.idempotency_key is not None
        action = self._action = RunningAction(self._spec.idempotency_key)
        recorder = self._recorder
        self._record = Record(recorder.place, self._stem, process_identity(), recorder.patience)
        try:
            claim = await self._record.claim(self._spec)
        except NotClaimed as why:
            if recorder.must_record:
                why.add_note("Nothing was sent.")
                raise
            log.warning("the call is made all the same: %s", why)
        else:
            action.name, action.attempt, action.earlier = claim.name, claim.attempt, claim.earlier
            action.namespace = self._record.namespace
        return action

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._action is not None
        assert self._record is not None
        verdict = self._action.verdict(error, self._nobody_knows)
        if verdict.word is Word.UNKNOWN:
            log.warning("%s: nobody knows what came of it: %s", self._stem, verdict.why)
        try:
            await self._record.report(outcome_of(self._spec, self._action, verdict))
        except RecordingError as why:
            self._tell(why, error)

    def __enter__(self) -> RunningAction:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _run(self.__aenter__())
        raise RuntimeError(
            "an event loop runs here, and `with` would block it: write `async with recording(…)`, "
            "or call this from a thread (asyncio.to_thread)"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _run(self.__aexit__(kind, error, trace))

    def _tell(self, why: RecordingError, error: BaseException | None) -> None:
        """The caller's own exception goes first: it may be what cancels them."""
        if error is not None:
            error.add_note(str(why))
            log.error("%s", why)
        elif isinstance(why, OutcomeNotRecorded) and not self._recorder.must_record:
            log.warning("%s", why)
        else:
            raise why


def _run(work: Coroutine[Any, Any, T]) -> T:
    # A loop of our own: asyncio.run would take the caller's loop away from this thread.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)
