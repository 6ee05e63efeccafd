"""Linearizability: each Compensation behaves as one object that is changed one request at a time.

What was asked and answered is in the API server's audit log: who, when, what, and with what answer.
Whether one order explains all of it is decided by porcupine (hack/controlplane/modules/porcupine).
"""

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import build
import flags

Operation = dict[str, Any]

AUDITED: Mapping[str, Any] = {
    **flags.AUDIT_POLICY,
    "rules": [
        {
            "level": "RequestResponse",
            "verbs": ["create", "get", "update", "patch", "delete"],
            "resources": [
                {"group": "amends.dev", "resources": ["compensations", "compensations/status"]}
            ],
        },
        *flags.AUDIT_POLICY["rules"],
    ],
}
"""The audit policy of a control plane whose history is to be checked."""

_KINDS = {
    "create": "create",
    "get": "read",
    "update": "write",
    "patch": "write",
    "delete": "delete",
}
FOR_EVER = 3600 * 10**9
"""Longer than any history, in nanoseconds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def operations(audit_log: Path, namespace: str) -> list[Operation]:
    """What was asked about each Compensation of a namespace, as porcupine reads it."""
    clients: dict[tuple[str, str], int] = {}
    found = []
    with audit_log.open() as lines:
        for line in lines:
            if '"compensations"' not in line or f'"{namespace}"' not in line:
                continue
            event = json.loads(line)
            about = event.get("objectRef", {})
            if event["verb"] in _KINDS and about.get("namespace") == namespace:
                client = (event["user"]["username"], event["sourceIPs"][0])
                found.append(_operation(event, clients.setdefault(client, len(clients))))
    return found


def _operation(event: Mapping[str, Any], client: int) -> Operation:
    about, answer = event["objectRef"], event.get("responseObject") or {}
    if answer.get("kind") != "Compensation":
        answer = {}  # a refusal, or only that it was carried out
    asked = event.get("requestObject") or {}
    status = answer.get("status") or {}
    outbox = status.get("outbox") or {}
    expects = asked.get("metadata", {}).get("resourceVersion") if isinstance(asked, dict) else None
    name = about.get("name") or asked.get("metadata", {}).get("name", "")
    code = event["responseStatus"]["code"]
    # Whoever asked has left (504): what was begun for them may still be carried out after that.
    ended = _nanoseconds(event["stageTimestamp"]) + (FOR_EVER if code >= 500 else 0)
    return {
        "key": name,
        "client": client,
        "call": _nanoseconds(event["requestReceivedTimestamp"]),
        "return": ended,
        "kind": _KINDS[event["verb"]],
        "expects": int(expects or 0) if _KINDS[event["verb"]] == "write" else 0,
        "code": code,
        "version": int(answer.get("metadata", {}).get("resourceVersion") or 0),
        "status": about.get("subresource") == "status",
        "phase": str(status.get("phase", "")),
        "attempt": int(outbox.get("attempt", 0)),
        "holder": str(outbox.get("claimedBy", "")),
        "ended": bool(outbox) and (outbox["phase"] != "Claimed" or "outcome" in outbox),
    }


def moments(history: Iterable[Operation]) -> dict[int, float]:
    """When the API server had carried out what led to each version, by this process's stopwatch.

    An observer hears of it later, and if the machine is busy, much later.
    """
    offset = time.monotonic() - time.time()
    changed = (one for one in history if one["kind"] != "read" and one["version"])
    return {one["version"]: one["return"] / 1e9 + offset for one in changed}


def refused(history: Iterable[Operation]) -> tuple[str, list[str]]:
    """How much was checked, and the Compensations whose history no order explains."""
    program = build.build(["linearizable"])["linearizable"]
    lines = "".join(json.dumps(one) + "\n" for one in history)
    ended = subprocess.run(
        [program], input=lines, capture_output=True, text=True, timeout=600, check=False
    )
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"linearizable ended with status {ended.returncode}: {ended.stderr}")
    *wrong, counted = ended.stdout.splitlines()
    return counted, wrong


def described(history: Iterable[Operation], refusal: str) -> str:
    """The operations of the Compensation that a refusal names, in the order of their answers."""
    asked = [one for one in history if f" {one['key']}:" in refusal]
    asked.sort(key=lambda one: int(one["return"]))
    first = min(one["call"] for one in asked)
    lines = (
        f"{(one['call'] - first) / 1e6:.1f} ms, took {(one['return'] - one['call']) / 1e6:.1f}: "
        f"client {one['client']}, {one['kind']} of version {one['expects'] or 'any'}: "
        f"{one['code']}, version {one['version']}, {one['phase'] or 'no phase'}, "
        f"attempt {one['attempt']} of {one['holder'] or 'nobody'}"
        for one in asked
    )
    return "\n".join([refusal, *lines])


def doctored(history: Iterable[Operation]) -> Iterator[tuple[str, list[Operation]]]:
    """The same history with one lie in it, once for each lie that must not go unnoticed.

    Also so that the check is known to see anything at all.
    """
    whole = [*history]
    writes = [
        n for n, one in enumerate(whole) if one["status"] and one["expects"] and one["code"] < 300
    ]
    reads = [n for n, one in enumerate(whole) if one["kind"] == "read" and one["code"] == 200]
    if writes:
        twice = deepcopy(whole)
        lost = {**twice[writes[-1]], "version": twice[writes[-1]]["version"] + 1}
        later = lost["return"] - lost["call"] + 1
        twice.append({**lost, "call": lost["call"] + later, "return": lost["return"] + later})
        yield "two writes of one version both succeed", twice
    if reads:
        stale = deepcopy(whole)
        stale[reads[-1]]["version"] -= 1
        yield "a read answers with a version that was never current", stale
    claims = [n for n in writes if whole[n]["attempt"] == 1 and not whole[n]["ended"]]
    if claims:
        blind = deepcopy(whole)
        claim = blind[claims[0]]
        after = claim["return"] - claim["call"] + 1
        blind.append(
            {
                **claim,
                "expects": 0,
                "holder": "another",
                "version": claim["version"],
                "call": claim["call"] + after,
                "return": claim["return"] + after,
            }
        )
        yield "a claim that stands is taken without compare-and-swap", blind


def _nanoseconds(timestamp: str) -> int:
    passed = datetime.fromisoformat(timestamp) - _EPOCH
    return passed // timedelta(microseconds=1) * 1000
