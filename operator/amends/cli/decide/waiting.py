"""`--wait`: watches a statement until the operator has said whether it counts."""

from typing import Annotated, Any

import typer

from amends.api import GROUP, VERSION
from amends.cli.asked import consent
from amends.cli.asked.session import Session
from amends.cli.shown.failures import Failure
from amends.cli.shown.kinds import spoken
from amends.cli.shown.preview import plain
from amends.core.statement import COUNTED
from amends.kube.paths import PLURALS
from amends.ports import Raw

SECONDS = 60
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until it has settled, and say whether it counted.")
]
Timeout = Annotated[
    int, typer.Option(min=1, metavar="SECONDS", help="How long --wait waits at most.")
]


def follow(session: Session, stored: Raw, subject: str, patience: float | None) -> None:
    """Wait, if that was asked for; else say how to see what becomes of the subject."""
    if patience is not None:
        until_settled(session, stored, patience)
    else:
        consent.show(f"see what becomes of it: {session.command('show', subject)}")


def until_settled(session: Session, stored: Raw, seconds: float) -> None:
    """Return once it has counted.

    Raises:
        Failure: it does not count, or has not settled in time.
    """
    kind, name = str(stored["kind"]), str(stored["metadata"]["name"])
    asked = session.asked("watch", kind, stored["metadata"]["namespace"])
    last = session.run(_settled(session, stored, int(seconds)), asked)
    reason, message = _said(last)
    called = f"{spoken(kind)} {name}"
    if reason in COUNTED:
        consent.show(f"{called} counts: {plain(message)}")
        return
    see = f"see it: {session.command('show', f'{kind.lower()}/{name}')}"
    if (last.get("status") or {}).get("settled"):
        raise Failure(f"{called} does not count: {plain(message)}", see)
    if not reason:
        raise Failure(
            f"{called} is stored, but the operator has not looked at it within {seconds:g} s",
            "does it run? kubectl get lease -A | grep amends",
            see,
        )
    raise Failure(f"{called} does not count yet, after {seconds:g} s: {plain(message)}", see)


async def _settled(session: Session, stored: Raw, seconds: int) -> Raw:
    # Here, because it takes most of the time that a command needs to start.
    from kubernetes.aio import client, watch

    kind, meta, last = str(stored["kind"]), stored["metadata"], stored
    if (stored.get("status") or {}).get("settled"):
        return stored
    api = client.CustomObjectsApi(session.connection.api)
    async with watch.Watch() as events:
        changes: Any = events.stream(
            api.list_namespaced_custom_object,
            *(GROUP, VERSION, meta["namespace"], PLURALS[kind]),
            field_selector=f"metadata.name={meta['name']}",
            resource_version=meta["resourceVersion"],
            timeout_seconds=seconds,
            _request_timeout=seconds + 5,
        )
        async for change in changes:
            last = change["raw_object"]
            if change["type"] == "DELETED":
                raise Failure(f"{spoken(kind)} {meta['name']} was deleted meanwhile")
            if (last.get("status") or {}).get("settled"):
                break
    return last


def _said(raw: Raw) -> tuple[str, str]:
    found = (raw.get("status") or {}).get("conditions", [])
    ready: Raw = next((one for one in found if one["type"] == "Ready"), {})
    return str(ready.get("reason", "")), str(ready.get("message", ""))
