"""`dispose` and `retry`: one person's statement about one dead letter."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from amends.api import DeadLetter, Disposition
from amends.api.disposition import Choice
from amends.api.plan import ProposedCompensation
from amends.cli.asked import completion, consent, documents, options, related
from amends.cli.asked.consent import Dry, Manner, Yes
from amends.cli.asked.reading import parsed, read
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.decide import statements, waiting
from amends.cli.decide.statements import Statement
from amends.cli.shown import demands, preview, screens
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.render import Format
from amends.core.letters.disposition import APPLIES_TO, verdict
from amends.core.letters.recovery import declared_by, live_compensation
from amends.core.statement import Verdict
from amends.core.world import DeadLetterWorld
from amends.runtime.clock import SystemClock

Subject = Annotated[
    str,
    typer.Argument(
        metavar="DEAD-LETTER",
        help="Name of the DeadLetter.",
        autocompletion=completion.complete_names,
    ),
]
Chosen = Annotated[
    Choice, typer.Option("--choice", case_sensitive=False, help="What is to become of it.")
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--compensation-file",
        metavar="FILE",
        help="For Compensate: what to do, as in spec.compensation of an Action. "
        "Default: what the Action says.",
    ),
]

THEN = {
    Choice.RETRY: "It is sent again. Success makes it Resolved, a failure Open again.",
    Choice.IGNORE: "Nothing is sent. It is Ignored: off the list of open work until you Reopen it.",
    Choice.ABANDON: "Nothing is sent. It is given up: Ignored, and on record as abandoned.",
    Choice.RESOLVE: "Nothing is sent. It is Resolved, for good: dealt with elsewhere.",
    Choice.REOPEN: "Nothing is sent. It is Open again, and waits for a decision.",
    Choice.COMPENSATE: "It is linked to that Compensation; if that fails, it is Open again.",
}


def dispose(
    dead_letter: Subject,
    choice: Chosen,
    reason: options.Reason = None,
    compensation_file: PlanFile = None,
    yes: Yes = False,
    dry_run: Dry = None,
    wait: waiting.Wait = False,
    timeout: waiting.Timeout = waiting.SECONDS,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Say what is to become of a dead letter.

    Retry sends it again as its Action says. Compensate undoes or repairs
    it. Ignore and Abandon leave it. Resolve: it has been dealt with
    elsewhere. Reopen: it should not have been ignored.

    Examples:

        kubectl amends dispose dead-letter-x --choice Resolve --reason "paid"
        kubectl amends dispose dead-letter-x --choice Compensate \\
            --compensation-file plan.yaml --reason "it was charged twice"
    """
    if compensation_file is not None and choice is not Choice.COMPENSATE:
        raise typer.BadParameter(f"--compensation-file goes with --choice Compensate, not {choice}")
    plan = _plan(compensation_file) if compensation_file is not None else None
    reason = consent.required(reason, "--reason", "a Disposition is a record, and says why")
    _state(
        dead_letter,
        _Said(choice, reason, plan),
        Where(namespace, context=context, kubeconfig=kubeconfig),
        Manner(yes, dry_run, output),
        timeout if wait else None,
    )


def retry(
    dead_letter: Subject,
    reason: options.Reason = None,
    yes: Yes = False,
    dry_run: Dry = None,
    wait: waiting.Wait = False,
    timeout: waiting.Timeout = waiting.SECONDS,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Send a failed action again, as its Action says and under its own idempotency key.

    The same as dispose --choice Retry. Shows the request first.

    Example:

        kubectl amends retry dead-letter-x -n tenant-a --reason "up again"
    """
    reason = consent.required(reason, "--reason", "a Disposition is a record, and says why")
    _state(
        dead_letter,
        _Said(Choice.RETRY, reason),
        Where(namespace, context=context, kubeconfig=kubeconfig),
        Manner(yes, dry_run, output),
        timeout if wait else None,
    )


@dataclass(frozen=True)
class _Said:
    """The choice, and why; plan: as written in the file."""

    choice: Choice
    reason: str
    plan: Mapping[str, Any] | None = None


def _plan(file: Path) -> Mapping[str, Any]:
    found = documents.load_all(file)
    if len(found) != 1 or not isinstance(found[0], dict):
        raise Failure(
            f"{file} must hold one document with the fields of spec.compensation of an Action",
            "for example: rollbackInstruction: remove it by hand",
            code=Exit.USAGE,
        )
    plan: Mapping[str, Any] = found[0]
    if "kind" in plan:
        raise Failure(
            f"{file} holds a {plan['kind']}, and spec.compensation is wanted: only the plan",
            "write its fields without apiVersion, kind, metadata and spec; leave out targetEffect",
            code=Exit.USAGE,
        )
    parsed(ProposedCompensation, plan, str(file))
    return plan


def _state(subject: str, said: _Said, where: Where, manner: Manner, patience: float | None) -> None:
    name, now = related.name_of("DeadLetter", subject), SystemClock().now()
    with Session.open(where) as session:
        letter = read(DeadLetter, session.get("DeadLetter", name), f"dead letter {name}")
        world = related.world_of(session, letter, now)
        me = session.me().username
        statement = _statement(letter, said, me)
        found = verdict(statement.would_be(Disposition), world)
        if found.final:
            raise _refused(session, found, letter)
        warned = [] if found.counts else [f"It does not apply yet: {found.message}"]
        screen = _screen(world, said, me, warned)
        stored = statements.make(session, statement, manner, screen)
        if stored is not None:
            waiting.follow(session, stored, f"dead-letter/{name}", patience)


def _statement(letter: DeadLetter, said: _Said, me: str) -> Statement:
    meta = letter.metadata
    spec: dict[str, Any] = {
        "deadLetterRef": {"name": meta.name, "uid": meta.uid},
        "choice": said.choice.value,
        "reason": said.reason,
    }
    if said.plan is not None:
        spec["compensation"] = dict(said.plan)
    verb = said.choice.value.lower()
    return Statement("Disposition", verb, "deadLetterRef", spec, meta.namespace, me)


def _refused(session: Session, found: Verdict, letter: DeadLetter) -> Failure:
    name, phase = letter.metadata.name, letter.status.phase
    possible = [str(choice) for choice, phases in APPLIES_TO.items() if phase in phases]
    hints = [f"see it: {session.command('show', f'dead-letter/{name}')}"]
    if found.reason == "NotApplicable":
        choices = f"from {phase} you may choose {', '.join(possible)}"
        hints.insert(0, choices if possible else f"{phase} is final")
    if found.reason == "NoCompensation":
        hints.insert(0, "here: --compensation-file FILE")
    return Failure(f"nothing was created: {found.message}", *hints)


def _screen(world: DeadLetterWorld, said: _Said, me: str, warned: list[str]) -> Group:
    letter = world.letter
    meta = letter.metadata
    facts = [
        *screens.of_letter(letter, world.action),
        ("Your reason", preview.visible(said.reason)),
    ]
    return screens.screen(
        f"{said.choice} dead letter {meta.name}",
        meta.namespace,
        me,
        facts,
        (*_request(world, said), screens.paragraph(THEN[said.choice])),
        (*_special(world, said), *warned),
    )


def _request(world: DeadLetterWorld, said: _Said) -> Iterator[RenderableType]:
    if said.choice is Choice.RETRY and world.action is not None:
        sent = preview.of_retry(world.letter, world.action)
        yield screens.request(sent, "This will be sent again")
    elif said.choice is Choice.COMPENSATE:
        yield from _undo(world, said.plan)


def _undo(world: DeadLetterWorld, given: Mapping[str, Any] | None) -> Iterator[RenderableType]:
    """The Compensation that there is, else the one that is to be."""
    live = live_compensation(world)
    if given is None and live is not None:
        name, phase = live.metadata.name, live.status.phase
        yield screens.paragraph(f"It is linked to compensation {name}, {phase}.")
        yield screens.request(preview.of_compensation(live), _BY_THAT_COMPENSATION)
        return
    plan = declared_by(world.action)
    if given is not None:
        plan = ProposedCompensation.model_validate(given)
    assert plan is not None, "the verdict has seen to it"
    whose = "as the file says" if given is not None else "as the Action says"
    others = "It needs no approval: it runs at once."
    if plan.approval.required:
        others = f"You ask for it, so {demands.people(plan.approval.approvers)} must approve it."
    yield screens.paragraph(f"A Compensation is proposed, {whose}. {others}")
    yield screens.facts(screens.of_plan(plan))
    sent = preview.of_proposal(world.letter.metadata.namespace, plan)
    yield screens.request(sent, _BY_THAT_COMPENSATION)


_BY_THAT_COMPENSATION = "This will be sent by that Compensation"


def _special(world: DeadLetterWorld, said: _Said) -> Iterator[str]:
    live = live_compensation(world)
    if said.choice is Choice.RETRY and live is not None:
        yield (
            f"compensation {live.metadata.name} of the same effect is {live.status.phase}: "
            "it is not sent again while that is under way"
        )
    if said.choice is Choice.COMPENSATE and said.plan is not None and live is not None:
        yield (
            f"there already is compensation {live.metadata.name} of the same effect "
            f"({live.status.phase}); it stays beside the new one"
        )
    yield from screens.standing(world.letter.status.conditions)
