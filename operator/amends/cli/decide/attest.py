"""`attest`: one person's statement about what came of one attempt, made after looking."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group

from amends.api import Attestation, Compensation, DeadLetter
from amends.api.attestation import AttestedOutcome
from amends.cli.asked import completion, consent, options, related
from amends.cli.asked.consent import Dry, Manner, Yes
from amends.cli.asked.reading import read
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.decide import statements, waiting
from amends.cli.decide.statements import Statement
from amends.cli.shown import kinds, preview, screens
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.kinds import reference, spoken
from amends.cli.shown.render import Format
from amends.cli.shown.screens import Fact
from amends.core.attestation import attested
from amends.core.attested import verdict
from amends.core.statement import Verdict
from amends.core.world import DeadLetterWorld
from amends.ports import Raw
from amends.runtime.clock import SystemClock

SOUGHT = ("Compensation", "DeadLetter")
"""Where a bare name is looked for."""

Subject = Annotated[
    str,
    typer.Argument(
        metavar="[KIND/]NAME",
        help="Whose attempt: a Compensation, or a DeadLetter that was sent again.",
        autocompletion=completion.complete_references,
    ),
]
Seen = Annotated[
    bool | None,
    typer.Option(
        "--applied/--not-applied", help="Whether the effect is there.", show_default=False
    ),
]
Why = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="What you have seen. It stays in the record."),
]
Shown = Annotated[
    list[str] | None,
    typer.Option("--evidence", metavar="KEY=VALUE", help="What shows it; may be given again."),
]


def attest(
    subject: Subject,
    applied: Seen = None,
    reason: Why = None,
    evidence: Shown = None,
    yes: Yes = False,
    dry_run: Dry = None,
    wait: waiting.Wait = False,
    timeout: waiting.Timeout = waiting.SECONDS,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Say what came of an attempt: you have looked at the target.

    For what a person is to do (manual), and where nobody knows whether the
    effect has happened. Applied completes it, with a Receipt that names
    you. NotApplied: it did nothing, and may be tried again.

    Examples:

        kubectl amends attest undo-post --applied --reason "it is gone"
        kubectl amends attest dead-letter/x --not-applied \\
            --reason "no such order" --evidence ticket=OPS-17
    """
    if applied is None:
        raise typer.BadParameter("say what you have seen: --applied or --not-applied")
    shown = dict(_pair(text) for text in evidence or ())
    reason = consent.required(
        reason, "--reason", "an Attestation is a record, and says what was seen"
    )
    outcome = AttestedOutcome.APPLIED if applied else AttestedOutcome.NOT_APPLIED
    _state(
        subject,
        _Said(outcome, reason, shown),
        Where(namespace, context=context, kubeconfig=kubeconfig),
        Manner(yes, dry_run, output),
        timeout if wait else None,
    )


@dataclass(frozen=True)
class _Said:
    """What was seen, where, and what shows it."""

    outcome: AttestedOutcome
    reason: str
    evidence: dict[str, str]


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"--evidence {text}: write KEY=VALUE, for example ticket=OPS-17")
    return key, value


def _state(subject: str, said: _Said, where: Where, manner: Manner, patience: float | None) -> None:
    now = SystemClock().now()
    with Session.open(where) as session:
        raw = _found(session, subject)
        kind, name = str(raw["kind"]), str(raw["metadata"]["name"])
        known: Compensation | DeadLetterWorld
        if kind == "Compensation":
            known = read(Compensation, raw, f"compensation {name}")
        else:
            letter = read(DeadLetter, raw, f"dead letter {name}")
            known = related.world_of(session, letter, now)
        statement = _statement(kind, known, said, session.me().username)
        found = verdict(statement.would_be(Attestation), attested(known))
        if found.final:
            look = f"see it: {session.command('show', reference(kind, name))}"
            raise Failure(f"nothing was created: {found.message}", look)
        screen = _screen(session, known, said, statement, found)
        stored = statements.make(session, statement, manner, screen)
        if stored is not None:
            waiting.follow(session, stored, reference(kind, name), patience)


def _found(session: Session, subject: str) -> Raw:
    wanted = kinds.named(subject)
    if wanted.kind is not None and wanted.kind not in SOUGHT:
        raise typer.BadParameter(f"{subject} makes no attempts: name a Compensation or DeadLetter")
    if wanted.kind is not None:
        return session.get(wanted.kind, wanted.name)
    found = [raw for kind in SOUGHT if (raw := session.find_one(kind, wanted.name)) is not None]
    if not found:
        raise session.nowhere(SOUGHT, wanted.name)
    if len(found) > 1:
        raise Failure(
            f"{len(found)} objects in namespace {session.home} are called {wanted.name}: say which",
            *(session.command("attest", reference(raw["kind"], wanted.name)) for raw in found),
            code=Exit.USAGE,
        )
    return found[0]


def _statement(kind: str, known: Compensation | DeadLetterWorld, said: _Said, me: str) -> Statement:
    one = known.letter if isinstance(known, DeadLetterWorld) else known
    meta, outbox = one.metadata, one.status.outbox
    if outbox is None or outbox.attempt_key is None:
        raise Failure(
            f"nothing was created: {spoken(kind)} {meta.name} is {one.status.phase}, and no "
            "attempt of it has begun: there is nothing to attest to"
        )
    spec: dict[str, Any] = {
        "subjectRef": {"kind": kind, "name": meta.name, "uid": meta.uid},
        "attemptKey": outbox.attempt_key,
        "outcome": said.outcome.value,
        "reason": said.reason,
    }
    if said.evidence:
        spec["evidence"] = dict(said.evidence)
    # Of what has happened here: in another cluster, under another uid, it means nothing.
    verb = f"attest-{outbox.attempt}"
    return Statement("Attestation", verb, "subjectRef", spec, meta.namespace, me, portable=False)


def _screen(
    session: Session,
    known: Compensation | DeadLetterWorld,
    said: _Said,
    statement: Statement,
    found: Verdict,
) -> Group:
    if isinstance(known, DeadLetterWorld):
        facts = [*screens.of_letter(known.letter, known.action)]
        special, noun = screens.standing(known.letter.status.conditions), "dead letter"
    else:
        facts = [*screens.of_compensation(known, related.action_of(session, known))]
        special, noun = screens.special(known), "compensation"
    stated: list[Fact] = [
        ("Attempt", preview.visible(str(statement.spec["attemptKey"]))),
        ("You state", f"{said.outcome}: {preview.visible(said.reason)}"),
        *((f"  {key}", preview.visible(value)) for key, value in said.evidence.items()),
    ]
    warned = [] if found.counts else [f"It does not count yet: {found.message}"]
    return screens.screen(
        f"Attest {said.outcome} of {noun} {statement.subject}",
        statement.namespace,
        statement.username,
        [*facts, *stated],
        (screens.paragraph(_leads_to(known, said.outcome)),),
        (*special, *warned),
    )


def _leads_to(known: Compensation | DeadLetterWorld, outcome: AttestedOutcome) -> str:
    if outcome is AttestedOutcome.APPLIED:
        end = "Resolved" if isinstance(known, DeadLetterWorld) else "Completed"
        return f"It is {end}, for good, with a Receipt of what you state."
    if isinstance(known, DeadLetterWorld):
        return "It is Open again, with a Receipt of what you state, and waits for a decision."
    if known.spec.execution.manual is not None:
        return "It is Failed, for good: nothing has been undone."
    made, most = known.status.attempts, known.spec.retry.max_attempts
    if made >= most:
        return f"It is Failed, for good: {made} of {most} attempts have been made."
    return f"It is tried again, as it was approved: attempt {made + 1} of {most}."
