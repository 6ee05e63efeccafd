"""Attestation: may it be counted, and if not, why? It is told to whoever made it."""

from typing import assert_never

from amends.api.compensation import Compensation
from amends.core.attested import Attested, verdict
from amends.core.decision import NOTHING, Decision, Effect, Tell, Wake
from amends.core.letters import attesting as letters
from amends.core.statement import Verdict, is_news, judged, proved
from amends.core.undo import attesting as undo
from amends.core.world import AttestationWorld, DeadLetterWorld


def decide(world: AttestationWorld) -> Decision:
    """Say on the Attestation whether it counts.

    It is bound to the subject's uid, durably, before the subject may count it: so it can never
    count for a namesake that is created later.
    """
    attestation, subject = world.attestation, attested(world.subject)
    if attestation.status.settled:
        return NOTHING
    found = proved(attestation, verdict(attestation, subject), world.enforcement)
    uid = subject.uid if subject is not None else None
    return Decision(
        status=judged(attestation, found, uid, world.now),
        effects=_effects(world, subject, found),
    )


def attested(subject: Compensation | DeadLetterWorld | None) -> Attested | None:
    """What the statement is judged against, whatever it is about."""
    match subject:
        case None:
            return None
        case Compensation():
            return undo.attested(subject)
        case DeadLetterWorld():
            return letters.attested(subject)
        case unknown:
            assert_never(unknown)


def _effects(
    world: AttestationWorld, subject: Attested | None, found: Verdict
) -> tuple[Effect, ...]:
    if subject is None:
        return ()
    attestation = world.attestation
    on = subject.key(attestation.metadata.namespace)
    if found.reason == "Countable":
        return (Wake(on),)
    if is_news(attestation, found):
        message = f"attestation {attestation.metadata.name} does not count: {found.message}"
        return (Tell(on, found.reason, message, "Warning"),)
    return ()
