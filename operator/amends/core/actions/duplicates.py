"""Duplicates: Actions with different keys that meant the same at about the same time.

They are told of on both, and never blocked: only a person knows whether it was meant twice. Each
Action looks at its nearest neighbours in time alone, so a thousand of one intent cost each of them
no more than two do; everyone that has a neighbour is told of all the same.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from amends.api.action import Action
from amends.core.actions.effects import created
from amends.core.conditions import TRUE, Observed, conditions
from amends.core.decision import Decision, Tell, Wake
from amends.core.key import Key
from amends.core.records import identity
from amends.core.records.digest import digest
from amends.core.records.receipts import exact
from amends.core.world import ActionWorld

POSSIBLE_DUPLICATE = "PossibleDuplicate"

Raw = Mapping[str, Any]


def intent(action: Action) -> str:
    """The digest of what was meant to happen."""
    return _intent(action.spec.operation, action.spec.target, action.spec.input)


def intent_of(raw: Raw) -> str | None:
    """The same of an Action as it is stored, whether it can be read or not; None: it has none."""
    written: str | None = raw.get("status", {}).get("intentDigest")
    if written is not None:
        return written
    spec = raw["spec"]
    try:
        return _intent(spec["operation"], spec.get("target"), spec.get("input", {}))
    except ValueError:  # no canonical JSON; whoever looks at the object will say so
        return None


def _intent(operation: str, target: str | None, given: Any) -> str:
    return digest([operation, target, exact(given)])


def neighbours(
    action: Action, others: Iterable[Raw], window: timedelta
) -> tuple[Raw | None, Raw | None]:
    """Of those that meant the same: the nearest before, and the nearest after, in the window."""
    effect, mine = identity.effect_id(action), (created(action), action.metadata.name)
    near = [
        (*_place(raw), raw)
        for raw in others
        if identity.effect_of(raw) != effect and abs(_place(raw)[0] - mine[0]) <= window
    ]
    earlier = max((one for one in near if one[:2] < mine), key=lambda one: one[:2], default=None)
    later = min((one for one in near if one[:2] > mine), key=lambda one: one[:2], default=None)
    return (earlier[2] if earlier else None, later[2] if later else None)


def _place(raw: Raw) -> tuple[datetime, str]:
    meta = raw["metadata"]
    return (datetime.fromisoformat(meta["creationTimestamp"]), meta["name"])


def observed(world: ActionWorld) -> list[Observed]:
    """The condition, if there is something to tell."""
    if not world.twins:
        return []
    names = " and ".join(sorted(one.metadata.name for one in world.twins))
    noun = "action" if len(world.twins) == 1 else "actions"
    message = (
        f"{noun} {names} had the same operation, target and input under another key within the "
        "window of this namespace: if both were sent, it has happened twice"
    )
    return [Observed(POSSIBLE_DUPLICATE, TRUE, "SameIntent", message)]


def told(world: ActionWorld) -> tuple[Tell, ...]:
    """An Event, the first time."""
    if is_told(world.action):
        return ()
    on = _key(world.action)
    return tuple(Tell(on, POSSIBLE_DUPLICATE, one.message, "Warning") for one in observed(world))


def unaware(world: ActionWorld) -> list[Key]:
    """Neighbours that are not told of yet."""
    return [_key(one) for one in world.twins if not is_told(one)]


def is_told(action: Action) -> bool:
    """Whether it is told of as a possible duplicate."""
    return any(one.type == POSSIBLE_DUPLICATE for one in action.status.conditions)


def flagged(world: ActionWorld) -> Decision | None:
    """A recorded Action that has got a neighbour is told of; nothing else about it moves."""
    if is_told(world.action) or not world.twins:
        return None
    action, status = world.action, world.action.status
    generation = action.metadata.generation
    found = conditions(observed(world), status.conditions, generation, world.now)
    return Decision(
        status=status.model_copy(
            update={
                "observed_generation": generation,
                "conditions": [*status.conditions, *found],
            }
        ),
        effects=(*told(world), *(Wake(_key(one)) for one in world.twins)),
    )


def _key(action: Action) -> Key:
    return Key("Action", action.metadata.namespace, action.metadata.name)
