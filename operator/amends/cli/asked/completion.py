"""What the shell completes: from the cluster, quickly or not at all, and never with an error."""

import logging
from collections.abc import Callable, Iterable

import typer

from amends.cli.asked import filters
from amends.cli.asked.connecting import contexts
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.shown import kinds
from amends.cli.shown.failures import Failure
from amends.ports import Raw

SECONDS = 2.0
"""A slow answer is worse than none: the person types on."""

SUBJECTS = {
    "dispose": "DeadLetter",
    "retry": "DeadLetter",
    "verify-receipt": "Receipt",
}
"""What a verb's NAME is the name of, where it is no Compensation."""


def complete_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of objects of the verb's kind."""
    kind = SUBJECTS.get(ctx.info_name or "", "Compensation")
    return _asked(ctx, incomplete, lambda names: names(kind))


def complete_references(ctx: typer.Context, incomplete: str) -> list[str]:
    """`kind/name` once the kind is there; before that, names of what people look at most."""
    word, slash, _ = incomplete.partition("/")
    if not slash:
        return _asked(ctx, incomplete, lambda names: [*names("DeadLetter"), *names("Compensation")])
    try:
        kind = kinds.kind_of(word)
    except typer.BadParameter:
        return []
    return _asked(ctx, incomplete, lambda names: [f"{word}/{name}" for name in names(kind)])


def complete_runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Runs that Actions belong to."""

    def runs(session: Session) -> Iterable[str]:
        found, _ = session.page("Action", "", session.namespace)
        return sorted({_run(raw) for raw in found})

    return _quietly(ctx, incomplete, runs)


def complete_namespaces(ctx: typer.Context, incomplete: str) -> list[str]:
    """Namespaces, if the user may list them."""
    return _quietly(ctx, incomplete, lambda session: session.namespaces())


def complete_contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Contexts of the kubeconfig."""
    found = contexts(ctx.params.get("kubeconfig"))
    return [name for name in found if name.startswith(incomplete)]


def complete_phases(incomplete: str) -> list[str]:
    """Every phase of every kind, in the way that the person has begun to write."""
    words = [phase if incomplete[:1].isupper() else _typed(phase) for phase in filters.phases()]
    return [word for word in words if word.startswith(incomplete)]


def _typed(phase: str) -> str:
    return phase if phase == filters.EVERYTHING else kinds.dashes(phase)


def complete_kinds(incomplete: str) -> list[str]:
    """What `list` takes."""
    return [kind for kind in kinds.LISTED if kind.startswith(incomplete)]


def _run(raw: Raw) -> str:
    return str(raw.get("status", {}).get("runId", ""))


def _asked(
    ctx: typer.Context,
    incomplete: str,
    ask: Callable[[Callable[[str], list[str]]], Iterable[str]],
) -> list[str]:
    return _quietly(ctx, incomplete, lambda session: ask(session.names))


def _quietly(ctx: typer.Context, incomplete: str, ask: Callable[..., Iterable[str]]) -> list[str]:
    logging.disable()  # what a kubeconfig lacks is said when the command runs, not on a Tab
    given = ctx.params.get
    try:
        where = Where(given("namespace"), context=given("context"), kubeconfig=given("kubeconfig"))
        with Session.open(where, seconds=SECONDS) as session:
            return [word for word in ask(session) if word and word.startswith(incomplete)]
    except (Failure, TimeoutError):
        return []
