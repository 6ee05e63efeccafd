"""Observe: gather once everything that a decision about one object needs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from amends.api import (
    Action,
    Approval,
    Attestation,
    Compensation,
    DeadLetter,
    Disposition,
    Receipt,
)
from amends.api.attestation import AttestedKind
from amends.api.compensation import CompensationPhase
from amends.api.dead_letter import DeadLetterPhase
from amends.api.execution import Execution
from amends.api.outbox import Outbox
from amends.api.outcome import Outcome as WireOutcome
from amends.api.verification import Verification
from amends.core.enforcement import Enforcement
from amends.core.key import Key
from amends.core.letters import disposition as letters
from amends.core.records import identity, receipts
from amends.core.undo import approval as undo
from amends.core.world import (
    ApprovalWorld,
    Attempt,
    AttestationWorld,
    CompensationWorld,
    DeadLetterWorld,
    DispositionWorld,
    World,
)
from amends.kube.cache import key_of
from amends.ports import Clock, Executor, Probes, Raw
from amends.runtime.executions import Executions
from amends.runtime.foresight import NOT_ASKED, Foresight
from amends.runtime.related import Related, read
from amends.runtime.reported import action_world
from amends.runtime.turns import MAY_BE_SENT, Turns


class Observer:
    """Makes the world of one object."""

    def __init__(
        self,
        related: Related,
        executors: Mapping[str, Executor],
        executions: Executions,
        clock: Clock,
        holder: str,
        claim: timedelta,
        enforcement: Callable[[], Enforcement],
        turns: Turns,
    ) -> None:
        self._related = related
        self._executors = executors
        self._foresight = Foresight(executors, clock)
        self._executions = executions
        self._clock = clock
        self._holder = holder
        self._claim = claim
        self._enforcement = enforcement
        self._turns = turns

    async def raw(self, key: Key) -> Raw | None:
        """The object, None if it does not exist."""
        return await self._related.own(key)

    async def world(self, key: Key, raw: Raw, obstacle: str | None) -> World:
        """What is known about the object.

        Raises:
            Unreadable: it does not fit the schema.
        """
        match key.kind:
            case "Action":
                return await action_world(
                    self._related, read(Action, raw), obstacle, self._clock.now()
                )
            case "Approval":
                return await self._approval(read(Approval, raw), key)
            case "Attestation":
                return await self._attestation(read(Attestation, raw), key)
            case "DeadLetter":
                return await self._dead_letter(read(DeadLetter, raw), obstacle)
            case "Disposition":
                return await self._disposition(read(Disposition, raw), key)
            case "Compensation":
                return await self._compensation(read(Compensation, raw), obstacle)
            case kind:
                raise ValueError(f"nothing is decided about {kind}")

    async def _approval(self, approval: Approval, key: Key) -> ApprovalWorld:
        name = approval.spec.subject_ref.name
        subject = await self._related.one(Compensation, key.namespace, name)
        floors = (await self._related.rules(key.namespace)).floors
        world = ApprovalWorld(approval, subject, floors, self._clock.now(), self._enforcement())
        if subject is None or approval.status.settled or not undo.is_refused(world):
            return world
        # Before it is refused for good, see how its subject stands now, and whether this is still
        # the one that bears the name: who approved has read that on the server.
        newest = await self._related.newest(Compensation, key.namespace, name)
        return replace(world, subject=newest, now=self._clock.now())

    async def _attestation(self, attestation: Attestation, key: Key) -> AttestationWorld:
        ref, meant = attestation.spec.subject_ref, attestation.spec.attempt_key
        kind: type[Compensation] | type[DeadLetter] = (
            Compensation if ref.kind is AttestedKind.COMPENSATION else DeadLetter
        )
        found = await self._related.one(kind, key.namespace, ref.name)
        if found is not None and (
            found.status.outbox is None or found.status.outbox.attempt_key != meant
        ):
            # Before a statement is told that it means another attempt, see what the server knows.
            found = await self._related.newest(kind, key.namespace, ref.name)
        subject: Compensation | DeadLetterWorld | None = None
        if isinstance(found, Compensation):
            subject = found
        elif isinstance(found, DeadLetter):
            subject = await self._dead_letter(found, None)
        return AttestationWorld(attestation, subject, self._clock.now(), self._enforcement())

    async def _disposition(self, disposition: Disposition, key: Key) -> DispositionWorld:
        name = disposition.spec.dead_letter_ref.name
        letter = await self._related.one(DeadLetter, key.namespace, name)
        world = await self._disposed(disposition, letter)
        if letter is None or disposition.status.settled or not letters.is_refused(world):
            return world
        # As with an Approval: who decided has read on the server how the dead letter stands.
        newest = await self._related.newest(DeadLetter, key.namespace, name)
        return await self._disposed(disposition, newest)

    async def _disposed(
        self, disposition: Disposition, letter: DeadLetter | None
    ) -> DispositionWorld:
        subject = await self._dead_letter(letter, None) if letter is not None else None
        return DispositionWorld(disposition, subject, self._clock.now())

    async def _dead_letter(self, letter: DeadLetter, obstacle: str | None) -> DeadLetterWorld:
        key = Key("DeadLetter", letter.metadata.namespace, letter.metadata.name)
        effect, now = letter.spec.effect_id, self._clock.now()
        named = letter.status.compensation_ref
        dispositions = self._related.open(Disposition, key.namespace, key.name)
        retrying = letter.status.phase is DeadLetterPhase.RETRYING
        wanted = bool(dispositions) or letter.status.phase in MAY_BE_SENT
        action = await self._failed_action(letter) if wanted else None
        retry = action.spec.retry if action is not None else None
        rules = await self._related.rules(key.namespace)
        turn = self._turns.of_retry(letter, retry.execution if retry else None, rules, now)
        return DeadLetterWorld(
            letter=letter,
            action=action,
            compensation=await self._related.one(Compensation, key.namespace, named.name)
            if named is not None
            else None,
            candidates=await self._candidates(letter, key.namespace),
            dispositions=dispositions,
            receipts=await self._related.receipts(key.namespace, effect) if retrying else (),
            attempt=self._attempt(key, letter.status.outbox),
            objection=self._objection(retry.execution, retry.verify) if retry else None,
            success=self._related.success(key.namespace, effect, now),
            scope=await self._related.scope(key.namespace),
            holder=self._holder,
            lease=self._claim,
            now=now,
            obstacle=obstacle,
            enforcement=self._enforcement(),
            attestations=self._attestations(key),
            probe=self._probe(key, letter.status.outbox),
            freeze=rules.freeze,
            target=turn.target,
            hold=turn.hold,
            stray=self._executions.stray(key, letter.status.outbox),
            unbegun=self._executions.is_unbegun(key, letter.status.outbox),
        )

    def _attestations(self, key: Key) -> tuple[Attestation, ...]:
        """Statements about its attempts; a namesake of another kind has others."""
        return tuple(
            one
            for one in self._related.open(Attestation, key.namespace, key.name)
            if one.spec.subject_ref.kind == key.kind
        )

    async def _candidates(self, letter: DeadLetter, namespace: str) -> tuple[Compensation, ...]:
        """Before anything is sent again, the server is asked: an undo may be under way."""
        fields = {"spec.targetEffect": letter.spec.effect_id}
        if letter.status.phase not in MAY_BE_SENT:
            return self._related.open(Compensation, namespace, letter.spec.effect_id)
        return await self._related.found_open(Compensation, namespace, fields)

    async def _failed_action(self, letter: DeadLetter) -> Action | None:
        """The Action, not a namesake that was created later."""
        ref = letter.spec.action_ref
        action = await self._related.one(Action, letter.metadata.namespace, ref.name)
        return action if action is not None and ref.uid in (None, action.metadata.uid) else None

    async def _compensation(
        self, compensation: Compensation, obstacle: str | None
    ) -> CompensationWorld:
        key = Key("Compensation", compensation.metadata.namespace, compensation.metadata.name)
        effect, now = compensation.spec.target_effect, self._clock.now()
        attempt = self._attempt(key, compensation.status.outbox)
        spec = compensation.spec
        objection = self._objection(spec.execution, spec.verify)
        approvals = self._related.open(Approval, key.namespace, key.name)
        seen = NOT_ASKED
        if objection is None:
            seen = await self._foresight.of(key, compensation, approvals)
        rules = await self._related.rules(key.namespace)
        turn = self._turns.of_undo(compensation, rules, now)
        naming = self._related.letters_naming(key, effect)
        return CompensationWorld(
            compensation=compensation,
            approvals=approvals,
            unlinked=await self._unlinked(compensation, key.namespace),
            receipt=await self._receipt(compensation, attempt),
            attempt=attempt,
            objection=objection or seen.objection,
            preview=seen.preview,
            unseen=seen.unseen,
            success=self._related.success(key.namespace, effect, now),
            scope=await self._related.scope(key.namespace),
            floors=rules.floors,
            holder=self._holder,
            lease=self._claim,
            now=now,
            obstacle=obstacle,
            enforcement=self._enforcement(),
            attestations=self._attestations(key),
            probe=self._probe(key, compensation.status.outbox),
            freeze=rules.freeze,
            ahead=turn.ahead,
            target=turn.target,
            hold=turn.hold,
            stray=self._executions.stray(key, compensation.status.outbox),
            unbegun=self._executions.is_unbegun(key, compensation.status.outbox),
            escalation=rules.escalation,
            delivery=self._executions.deliveries.of(key),
            named_by=tuple(map(key_of, naming)),
            chosen=any(
                raw["status"].get("phase") == DeadLetterPhase.LINKED_TO_COMPENSATION
                for raw in naming
            ),
        )

    async def _unlinked(self, compensation: Compensation, namespace: str) -> list[Key]:
        """Before anything is undone, the server is asked: it may be sent again just now."""
        if compensation.status.phase is not CompensationPhase.APPROVED:
            return []
        effect = compensation.spec.target_effect
        letters = await self._related.known_open(DeadLetter, namespace, effect)
        return [
            Key("DeadLetter", namespace, letter.metadata.name)
            for letter in letters
            if letter.status.compensation_ref is None
        ]

    def _objection(self, execution: Execution, verification: Verification | None) -> str | None:
        """Why it can never be carried out here, or never be asked what came of it."""
        if execution.manual is None:  # else a person does it
            executor = self._executors.get(execution.executor)
            if executor is None:
                return f"executor {execution.executor} is not installed here"
            if (why := executor.objection(execution)) is not None:
                return why
        prober: object = self._executors.get("http")
        if verification is None or not isinstance(prober, Probes):
            return None
        return prober.probe_objection(verification)

    def _attempt(self, key: Key, outbox: Outbox | None) -> Attempt | None:
        if outbox is None:
            return None
        attempt = self._executions.attempt(key, outbox.idempotency_key)
        return attempt if attempt is not None and attempt.key == outbox.attempt_key else None

    def _probe(self, key: Key, outbox: Outbox | None) -> Attempt | None:
        if outbox is None or outbox.verification is None:
            return None
        probe = self._executions.attempt(key, outbox.idempotency_key)
        return probe if probe is not None and probe.key == identity.probe_key(outbox) else None

    async def _receipt(self, compensation: Compensation, attempt: Attempt | None) -> Receipt | None:
        """The receipt that a holder before us may have left; ours is known without asking."""
        outbox = compensation.status.outbox
        running = compensation.status.phase is CompensationPhase.RUNNING
        known = outbox is not None and outbox.outcome not in (None, WireOutcome.UNKNOWN)
        if not running or attempt is not None or outbox is None or known:
            return None
        name = identity.compensation_receipt_name(compensation, compensation.status.attempts)
        found = await self._related.one(Receipt, compensation.metadata.namespace, name)
        return found if found is not None and receipts.proves(found, compensation) else None
