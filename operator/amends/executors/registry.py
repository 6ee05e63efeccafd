"""Finds the executors: entry points of the group `amends.executors`, each built once at start."""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from amends.ports import Executor, ExecutorContext

GROUP = "amends.executors"

Factory = Callable[[ExecutorContext], Executor]
"""What an entry point names: the class of the executor, usually."""


OURS = frozenset({"record", "manual", "http", "job", "kubernetes"})
"""Names that a plan means ours by; manual has no executor, a person does it."""


class BadPlugIn(Exception):
    """An executor is installed that cannot be used: whoever installs the operator must act."""


def installed() -> tuple[EntryPoint, ...]:
    """The entry points of every package in this environment."""
    return tuple(entry_points(group=GROUP))


def build(context: ExecutorContext, found: Iterable[EntryPoint]) -> Mapping[str, Executor]:
    """One executor per name. Raises BadPlugIn before anything runs, never picks one of two."""
    found = tuple(found)
    _no_name_twice(found)
    _no_name_of_ours(found)
    return {point.name: _build(point, context) for point in found}


def _no_name_twice(found: Iterable[EntryPoint]) -> None:
    seen: dict[str, EntryPoint] = {}
    for point in found:
        other = seen.setdefault(point.name, point)
        if other is not point:
            raise BadPlugIn(
                f"two executors are called {point.name!r}: {_origin(other)} and {_origin(point)}. "
                "Uninstall one of them, or rename its entry point"
            )


def _no_name_of_ours(found: Iterable[EntryPoint]) -> None:
    for point in found:
        if point.name in OURS and not point.module.startswith("amends.executors."):
            raise BadPlugIn(
                f"{_origin(point)} calls its executor {point.name!r}, as one of Amends itself is "
                "called: rename its entry point"
            )


def _build(point: EntryPoint, context: ExecutorContext) -> Executor:
    try:
        factory: Factory = point.load()
        executor = factory(context)
    except Exception as error:
        # A plug-in's own code may raise anything. None of it is swallowed: the operator does not
        # start, or a Compensation that needs this executor would be stuck for no visible reason.
        raise BadPlugIn(
            f"executor {point.name!r} of {_origin(point)} does not load: "
            f"{type(error).__name__}: {error}"
        ) from error
    missing = [name for name in ("run", "objection", "close") if not hasattr(executor, name)]
    if missing:
        raise BadPlugIn(
            f"executor {point.name!r} of {_origin(point)} is no executor: "
            f"it has no {', '.join(missing)} (see amends.ports.Executor)"
        )
    return executor


def _origin(point: EntryPoint) -> str:
    package = f" (package {point.dist.name} {point.dist.version})" if point.dist else ""
    return f"{point.value}{package}"
