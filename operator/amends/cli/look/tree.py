"""`tree`: a run, its actions, and under each what became of it."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from amends.api import (
    Action,
    Approval,
    Attestation,
    Compensation,
    DeadLetter,
    Disposition,
    Receipt,
)
from amends.cli.asked import options
from amends.cli.asked.completion import complete_runs
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.look import casefile
from amends.cli.look.casefile import CaseFile
from amends.cli.shown import render
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.kinds import spoken
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.step import condition
from amends.core.records.identity import effect_id

Node = Action | Approval | Attestation | Compensation | DeadLetter | Disposition | Receipt

Run = Annotated[str, typer.Option(metavar="RUN", help="Which run.", autocompletion=complete_runs)]


def tree(
    run: Run,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    """Show a run: its actions, and what failed, was decided, undone and proved.

    Examples:

        kubectl amends tree --run run-17 -n tenant-a
    """
    with Session.open(Where(namespace, context=context, kubeconfig=kubeconfig)) as session:
        case = casefile.of_run(session, session.home, run)
        if case.is_empty and case.forbidden:
            # "Nothing" would be a statement about what the user was not let see.
            raise Failure(
                f"you may not list {', '.join(case.forbidden)} in namespace {session.home}",
                f"get it: whoever administers {session.home} binds you to ClusterRole "
                "amends-viewer there",
                code=Exit.FORBIDDEN,
            )
        if case.is_empty:
            raise Failure(
                f"nothing in namespace {session.home} belongs to run {run}",
                f"see which runs there are: {session.command('list', 'actions', '-o wide')}",
                code=Exit.NOT_FOUND,
            )
        render.show(drawn(run, case))


def drawn(run: str, case: CaseFile) -> Tree:
    """The run as a tree. Pure."""
    root = Tree(Text(f"run {run} in namespace {case.namespace}", "bold"), guide_style="dim")
    drawn_effects: set[str] = set()
    for action in case.actions:
        effect = effect_id(action)
        branch = root.add(_action(action))
        _add(branch, case.receipts_of("Action", action.metadata.name))
        if effect not in drawn_effects:  # two Actions with one key are one effect
            drawn_effects.add(effect)
            _recovery(branch, case.effect(effect))
    for effect in _orphans(case, drawn_effects):
        branch = root.add(Text(f"effect {plain(effect)}, without an Action"))
        _recovery(branch, case.effect(effect))
    if case.forbidden:
        root.add(
            Text(f"not shown, because you may not list it: {', '.join(case.forbidden)}", "red")
        )
    for name in case.unreadable:
        root.add(Text(f"{name}: does not fit this version", "red"))
    return root


def _orphans(case: CaseFile, drawn_effects: set[str]) -> Iterator[str]:
    """Effects of dead letters and compensations whose Action is gone."""
    effects = [
        *(one.spec.effect_id for one in case.letters),
        *(one.spec.target_effect for one in case.compensations),
    ]
    yield from dict.fromkeys(effect for effect in effects if effect not in drawn_effects)


def _recovery(branch: Tree, about: CaseFile) -> None:
    for letter in about.letters:
        name = letter.metadata.name
        below = branch.add(_titled(letter, str(letter.status.phase), plain(letter.spec.reason)))
        said = [one for one in about.dispositions if one.spec.dead_letter_ref.name == name]
        for one in said:
            below.add(_statement(one, str(one.spec.choice)))
        _attested(below, about, "DeadLetter", name)
        _add(below, about.receipts_of("DeadLetter", name))
    for undo in about.compensations:
        name = undo.metadata.name
        below = branch.add(_titled(undo, str(undo.status.phase), _words(undo)))
        for said_so in (one for one in about.approvals if one.spec.subject_ref.name == name):
            below.add(_statement(said_so, str(said_so.spec.decision)))
        _attested(below, about, "Compensation", name)
        _add(below, about.receipts_of("Compensation", name))


def _attested(branch: Tree, about: CaseFile, kind: str, name: str) -> None:
    for one in about.attested_of(kind, name):
        branch.add(_statement(one, str(one.spec.outcome)))


def _add(branch: Tree, receipts: list[Receipt]) -> None:
    for one in receipts:
        branch.add(_titled(one, str(one.spec.outcome), ""))


def _action(one: Action) -> Text:
    outcome = one.status.effect.outcome if one.status.effect is not None else one.status.phase
    target = f" on {plain(one.spec.target)}" if one.spec.target else ""
    return _titled(one, str(outcome), f"{plain(one.spec.operation)}{target}")


def _words(one: Compensation) -> str:
    ready = condition(one.status.conditions, "Ready")
    return ready.reason if ready is not None and ready.reason != one.status.phase else ""


def _statement(one: Approval | Disposition | Attestation, said: str) -> Text:
    actor = visible(one.spec.actor.username) if one.spec.actor else "nobody stamped"
    ready = condition(one.status.conditions, "Ready")
    result = f", {ready.reason}" if ready is not None else ""
    reason = f": {plain(one.spec.reason)}" if one.spec.reason else ""
    return _titled(one, said, f"by {actor}{result}{reason}")


def _titled(one: Node, state: str, rest: str) -> Text:
    line = Text(f"{spoken(type(one).__name__)} ", overflow="fold")
    line.append(one.metadata.name, "bold").append("  ").append_text(render.styled(state))
    return line.append(f"  {_one_line(rest)}") if rest else line


def _one_line(text: str) -> str:
    return " ".join(text.split())
