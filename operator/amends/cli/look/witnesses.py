"""What people have attested about the attempts of one object, whether it counts or not. Pure."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from amends.api import Attestation
from amends.api.attestation import CountedAttestation
from amends.cli.look import accounts
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.step import condition
from amends.cli.shown.times import at


def told(
    ledger: Sequence[CountedAttestation], stated: Sequence[Attestation], now: datetime
) -> list[RenderableType]:
    """A line each: first what counted, then what did not, and why."""
    counted = {one.uid for one in ledger}
    others = [one for one in stated if one.metadata.uid not in counted]
    return [*(_counted(one, now) for one in ledger), *(_other(one) for one in others)]


def _counted(one: CountedAttestation, now: datetime) -> Text:
    said = f"attested {one.outcome} of {visible(one.attempt_key)} {at(one.time, now)}"
    line = Text.assemble((f"{visible(one.username)} ", "bold"), said)
    return line.append(f": {plain(one.reason)}" if one.reason else "")


def _other(one: Attestation) -> Text:
    ready = condition(one.status.conditions, "Ready")
    why = f"{ready.reason}: {plain(ready.message)}" if ready else "not looked at yet"
    said = f"{one.spec.outcome} of {visible(one.spec.attempt_key)}"
    return Text(f"{accounts.actor(one)} said {said}; does not count: {why}")
