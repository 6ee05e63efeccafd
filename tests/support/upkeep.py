"""What tests of upkeep ask: an operator's metrics and log, and a namespace's annotations."""

import json
import socket
import urllib.request
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from amends.core.namespace import RETENTION
from installation import RunningOperator
from support.api import MERGE_PATCH
from support.tenant import Tenant


def free_address() -> str:
    """HOST:PORT that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def metric(address: str, name: str, **labels: str) -> float:
    """One number of an operator's page."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    return next(one.value for one in samples if (one.name, one.labels) == (name, labels))


def told(operator: RunningOperator, event: str) -> list[dict[str, Any]]:
    """The lines of an operator's log with this event."""
    lines = operator.log.read_text().splitlines()
    read = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [line for line in read if line["event"] == event]


def keep_for(tenant: Tenant, retention: str) -> None:
    """The tenant's administrator chooses how long settled records stay."""
    tenant.installed.user("admin").call(
        "PATCH",
        f"/api/v1/namespaces/{tenant.namespace}",
        {"metadata": {"annotations": {RETENTION: retention}}},
        content_type=MERGE_PATCH,
    )
