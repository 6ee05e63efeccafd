"""What single objects say, as labels and what stands behind them. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from amends.api import Action, Approval, Attestation, Disposition, Receipt
from amends.api.attestation import AttestedRef
from amends.api.late import LateResult
from amends.api.outbox import Outbox
from amends.cli.look.chapters import Fact
from amends.cli.shown import render
from amends.cli.shown.kinds import spoken
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.times import at
from amends.core.probing import is_asked


def attempted(one: Action) -> Iterator[Fact]:
    """What an automation tried to do."""
    spec = one.spec
    target = f" on {plain(spec.target)}" if spec.target else ""
    yield "Action", f"{one.metadata.name}: {plain(spec.operation)}{target}"
    if spec.source is not None:
        yield "By", f"{plain(spec.source.kind)}/{plain(spec.source.id)}"
    with_ = [plain(word) for word in (spec.provider, spec.tool) if word]
    if with_:
        yield "With", ", ".join(with_)
    if one.status.run_id is not None:
        node = f", step {plain(spec.node_id)}" if spec.node_id else ""
        yield "Run", f"{plain(one.status.run_id)}{node}"
    effect = one.status.effect
    if effect is not None:
        error = f": {plain(spec.error)}" if spec.error and spec.error.strip() else ""
        yield "Outcome", f"{effect.outcome}{error}"
    if spec.input:
        yield "Input", visible(render.short_json(spec.input))
    if spec.receipt:
        yield "Answer", visible(render.short_json(spec.receipt))


def came_of(one: Action, now: datetime) -> Iterator[Fact]:
    """What has been recorded of it."""
    status = one.status
    created = one.metadata.creation_timestamp
    if created is not None:
        yield "Reported", at(created, now)
    if status.effect is not None:
        yield "Effect", f"{plain(status.effect.id)}: {status.effect.outcome}"
    if status.outbox is not None:
        yield "Outbox", f"{plain(status.outbox.id)}: {status.outbox.phase}"
    for condition in status.conditions:
        if condition.type not in ("Ready", "Reconciling"):
            yield condition.type, plain(condition.message)


def proved(one: Receipt, now: datetime) -> Iterator[Fact]:
    """What a receipt says."""
    spec = one.spec
    target = f" on {plain(spec.target)}" if spec.target else ""
    yield "Outcome", f"{spec.outcome}: {plain(spec.operation)}{target}"
    yield "Subject", f"{spoken(spec.subject.kind)} {spec.subject.name}"
    yield "Recorded", at(spec.recorded_at, now)
    yield "Effect", plain(spec.effect_id)
    if spec.error:
        yield "Error", plain(spec.error)
    if spec.supersedes is not None:
        yield "Replaces", f"receipt {spec.supersedes.name}"
    yield "Payload", visible(render.short_json(spec.payload))


def said(one: Approval | Disposition | Attestation, now: datetime) -> Iterator[Fact]:
    """What a person stated."""
    spec, created = one.spec, one.metadata.creation_timestamp
    match one:
        case Approval():
            yield "Decision", f"{one.spec.decision} of compensation {one.spec.subject_ref.name}"
        case Disposition():
            yield "Choice", f"{one.spec.choice} for dead letter {one.spec.dead_letter_ref.name}"
        case Attestation():
            yield "Outcome", f"{one.spec.outcome} of {subject(one.spec.subject_ref)}"
            yield "Attempt", visible(one.spec.attempt_key)
    yield "By", actor(one)
    if created is not None:
        yield "When", at(created, now)
    if one.spec.reason:
        yield "Reason", plain(one.spec.reason)
    if isinstance(one, Attestation) and one.spec.evidence:
        yield "Evidence", visible(render.short_json(one.spec.evidence))
    if spec.on_behalf_of is not None:
        where = spec.on_behalf_of.url or spec.on_behalf_of.commit
        yield "For", visible(spec.on_behalf_of.username) + (f", {plain(where)}" if where else "")


def late(results: Sequence[LateResult] | None, now: datetime) -> Iterator[Fact]:
    """Answers that came after the claim was lost: they changed nothing, and may settle a doubt."""
    for one in results or ():
        said = f": {plain(one.excerpt)}" if one.excerpt else ""
        yield "Too late", f"{visible(one.attempt_key)}: {one.outcome}, {at(one.time, now)}{said}"


def probes(outbox: Outbox, now: datetime) -> Iterator[Fact]:
    """How often the target was asked what came of the attempt, and when it is asked again."""
    probing, words = outbox.verification, []
    if probing is not None and probing.count:
        said = f", the last: {plain(probing.detail)}" if probing.detail else ""
        words.append(f"{probing.count} told nothing{said}")
    if is_asked(outbox) and probing is not None and probing.next_at is not None:
        words.append(f"the next at {at(probing.next_at, now)}")
    if words:
        yield "Probes", "; ".join(words)


def subject(ref: AttestedRef) -> str:
    """What an attestation is about, in a sentence."""
    return f"{spoken(ref.kind)} {ref.name}"


def actor(one: Approval | Disposition | Attestation) -> str:
    """Who stated it, as the API server authenticated them."""
    who = one.spec.actor
    return visible(who.username) if who else "nobody is stamped (admission policies missing?)"
