"""`amends check`: whether an installation is fit to work, asked with the operator's own rights."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.kube.policies import KubePolicies
from amends.ports import Clock, Fault, Gone
from amends.runtime.clock import SystemClock

PAUSE = 1.0
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/amends"

Question = Callable[[], Awaitable[str | None]]
"""Answers with what is wrong; None: nothing."""


def check(
    kubeconfig: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Default: the pod's own service account."),
    ] = None,
    lease_namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Namespace of the leader Lease.")
    ] = "amends-system",
    gitops_agent: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="As the operator was given it; repeatable."),
    ] = None,
    wait_seconds: Annotated[
        float, typer.Option(min=0, help="How long to wait for it to become fit.")
    ] = 0,
) -> None:
    """Say whether the kinds are served, the policies enforced, and an operator at work.

    To be run as the operator's service account: the policies name it. Ends with 1 if anything is
    wrong.
    """
    answers = asyncio.run(_answers(kubeconfig, lease_namespace, gitops_agent or [], wait_seconds))
    for what, wrong in answers.items():
        typer.echo(f"✗ {what}: {wrong}" if wrong else f"✓ {what}")
    if any(answers.values()):
        raise typer.Exit(code=1)


async def _answers(
    kubeconfig: Path | None, namespace: str, agents: list[str], seconds: float
) -> Mapping[str, str | None]:
    connection, clock = await Connection.open(kubeconfig), SystemClock()
    questions = _questions(connection, clock, namespace, agents)
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        while True:
            answers = {what: await _asked(question) for what, question in questions.items()}
            if not any(answers.values()) or asyncio.get_running_loop().time() >= deadline:
                return answers
            await asyncio.sleep(PAUSE)
    finally:
        await connection.close()


async def _asked(question: Question) -> str | None:
    try:
        return await question()
    except Fault as why:
        return str(why)


def _questions(
    connection: Connection, clock: Clock, namespace: str, agents: list[str]
) -> Mapping[str, Question]:
    cluster = KubeCluster(connection)
    policies = KubePolicies(connection, clock, namespace, agents)

    async def kinds_are_served() -> str | None:
        missing = await cluster.missing_kinds()
        return f"{', '.join(missing)} missing: install the CRDs" if missing else None

    async def policies_stand() -> str | None:
        return "; ".join((await policies.standing()).gaps) or None

    async def somebody_leads() -> str | None:
        try:
            lease = await connection.call("GET", LEASE.format(namespace=namespace))
        except Gone:
            return f"there is no Lease {namespace}/amends: no operator has started yet"
        return not_held(lease["spec"], connection.server_time or clock.now())

    return {
        "the kinds are served": kinds_are_served,
        "the admission policies stand": policies_stand,
        "the API server obeys them": policies.disobeyed,
        "an operator leads": somebody_leads,
    }


def not_held(lease: Mapping[str, Any], now: datetime) -> str | None:
    """Why nobody holds the Lease; None: somebody does."""
    if not lease.get("holderIdentity"):
        return "nobody holds the Lease: look at the operator's pods"
    renewed = datetime.fromisoformat(lease["renewTime"])
    lasts = timedelta(seconds=lease["leaseDurationSeconds"])
    if now > renewed + lasts:
        return f"{lease['holderIdentity']} last renewed the Lease at {lease['renewTime']}"
    return None
