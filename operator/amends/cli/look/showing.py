"""`show`: one object as a story, from what was attempted to who must act next."""

from typing import Annotated

import typer

from amends.cli.asked import options
from amends.cli.asked.completion import complete_references
from amends.cli.asked.reading import read
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.look import casefile, story
from amends.cli.look.casefile import CaseFile
from amends.cli.shown import demands, kinds, render
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.kinds import BY_NAME, Named, reference
from amends.cli.shown.render import Format
from amends.core.records.identity import effect_of
from amends.ports import Raw
from amends.runtime.clock import SystemClock

SOUGHT = (
    "DeadLetter",
    "Compensation",
    "Action",
    "Approval",
    "Disposition",
    "Attestation",
    "Receipt",
)
"""Where a bare name is looked for."""

Shown = Annotated[
    str,
    typer.Argument(
        metavar="[KIND/]NAME",
        help="undo-1, compensation/undo-1 or cmp/undo-1.",
        autocompletion=complete_references,
    ),
]


def show(
    what: Shown,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Tell the story of one object: what happened, who decided, what it waits for.

    Shows the request that undoes it, with secrets hidden, and the command to type next.

    Examples:

        kubectl amends show undo-post -n tenant-a
        kubectl amends show dead-letter/dead-letter-effect-3f2a -o yaml
    """
    wanted = kinds.named(what)
    with Session.open(Where(namespace, context=context, kubeconfig=kubeconfig)) as session:
        raw = _found(session, wanted)
        match output:
            case Format.TABLE | Format.WIDE:
                one = read(BY_NAME[raw["kind"]], raw, reference(raw["kind"], wanted.name))
                case = _case(session, raw)
                render.show(*story.told(one, case, session.typing, SystemClock().now()))
            case Format.NAME:
                typer.echo(render.name(raw))
            case Format.JSON | Format.YAML:
                render.document(render.public(raw), output)


def _found(session: Session, wanted: Named) -> Raw:
    if wanted.kind is not None:
        return session.get(wanted.kind, wanted.name)
    found = [raw for kind in SOUGHT if (raw := session.find_one(kind, wanted.name)) is not None]
    if len(found) == 1:
        return found[0]
    if not found:
        raise session.nowhere(SOUGHT, wanted.name)
    raise Failure(
        f"{len(found)} objects in namespace {session.home} are called {wanted.name}: say which",
        *(session.command("show", reference(raw["kind"], wanted.name)) for raw in found),
        code=Exit.USAGE,
    )


def _case(session: Session, raw: Raw) -> CaseFile:
    """What there is about the effect that the object is about."""
    namespace = raw["metadata"]["namespace"]
    effect = _effect(session, raw)
    case = casefile.of_effect(session, namespace, effect) if effect else CaseFile(namespace)
    case.floors = demands.floors_of(session.annotations(namespace))
    return case


def _effect(session: Session, raw: Raw) -> str | None:
    spec = raw["spec"]
    match raw["kind"]:
        case "Action":
            return effect_of(raw)
        case "DeadLetter" | "Receipt":
            return str(spec["effectId"])
        case "Compensation":
            return str(spec["targetEffect"])
        case "Approval":
            about = session.find_one("Compensation", spec["subjectRef"]["name"])
        case "Attestation":
            about = session.find_one(spec["subjectRef"]["kind"], spec["subjectRef"]["name"])
        case _:
            about = session.find_one("DeadLetter", spec["deadLetterRef"]["name"])
    return _effect(session, about) if about is not None else None
