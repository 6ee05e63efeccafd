"""The suite as pytest sees it: a class to derive from, one test for each case."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import pytest

from amends.testing import cases
from amends.testing.subject import Subject


class Conformance(ABC):
    """Derive from it, call your class Test…, and say how a subject is set up."""

    NOT_APPLICABLE: ClassVar[Mapping[str, str]] = {}
    """Functions of amends.testing.cases that mean nothing for this executor, and why."""

    @abstractmethod
    def subject(self) -> AbstractAsyncContextManager[Subject]:
        """A new executor and a new target that works, for one test."""

    def test_a_plan_that_works_is_applied_once(self) -> None:
        """It is carried out, once."""
        self._run(cases.applies)

    def test_the_same_key_twice_has_one_effect(self) -> None:
        """The idempotency key reaches the target."""
        self._run(cases.repeats)

    def test_a_lost_answer_is_unknown(self) -> None:
        """Never NotApplied, and never sent again."""
        self._run(cases.loses_an_answer)

    def test_under_a_claim_that_has_run_out_nothing_is_sent(self) -> None:
        """Work.may_begin is asked right before anything leaves."""
        self._run(cases.begins_in_time)

    def test_a_target_that_hangs_is_left_in_time(self) -> None:
        """Within the timeout and a grace, with a true outcome."""
        self._run(cases.times_out)

    def test_asked_to_stop_it_claims_nothing_it_cannot_know(self) -> None:
        """Work.stop may be heeded or not."""
        self._run(cases.stops)

    def test_cancelled_anywhere_it_leaves_nothing_behind(self) -> None:
        """No task, no connection, no outcome."""
        self._run(cases.is_cancelled)

    def test_a_huge_answer_is_bounded(self) -> None:
        """In memory, and in the Receipt."""
        self._run(cases.is_answered_hugely)

    def test_a_secret_in_the_answer_goes_no_further(self) -> None:
        """Not into evidence, reason or log."""
        self._run(cases.keeps_secrets)

    def test_a_refusal_is_not_applied(self) -> None:
        """What the target says that it did not do."""
        self._run(cases.is_refused)

    def test_secrets_are_read_as_the_tenant(self) -> None:
        """Those of the plan, in its namespace, as its account."""
        self._run(cases.reads_as_the_tenant)

    def test_without_its_secret_nothing_is_sent(self) -> None:
        """NotApplied, and the target saw nothing."""
        self._run(cases.misses_a_secret)

    def test_an_objection_is_pure_and_never_raises(self) -> None:
        """Whatever the plan holds."""
        self._run(cases.objects)

    def test_it_may_be_closed_twice(self) -> None:
        """Used or not."""
        self._run(cases.closes)

    def _run(self, case: Callable[[Subject], Awaitable[None]]) -> None:
        if (why := self.NOT_APPLICABLE.get(case.__name__)) is not None:
            pytest.skip(why)  # the author of the executor says why, and the report shows it

        async def run() -> None:
            async with self.subject() as subject:
                await case(subject)

        asyncio.run(run())
