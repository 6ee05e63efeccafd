"""`amends`: run the operator, check an installation; write the CRDs, policies and diagrams."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from kubernetes.aio.config import ConfigException

from amends import __version__
from amends.admission import policies as policies_for
from amends.cli.crds import crds, diagrams
from amends.cli.policies import policies
from amends.cli.prove.check import check
from amends.core.namespace import duration
from amends.executors.registry import BadPlugIn
from amends.handlers.process import run as run_operator
from amends.kube.lease import LeaseSettings, LostLeadership
from amends.ports import NotArchived
from amends.runtime import logs
from amends.runtime.metrics import CannotServe
from amends.runtime.settings import Settings

app = typer.Typer(
    help="Amends undoes what automations did: approved by people, executed once, proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(crds)
app.command()(diagrams)
app.command()(policies)
app.command()(check)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"amends {__version__}")
        raise typer.Exit


def _duration(text: str) -> str:
    try:
        duration(text)
    except ValueError as why:
        raise typer.BadParameter(str(why)) from why
    return text


def _address(text: str | None) -> str | None:
    host, _, port = (text or "").rpartition(":")
    if text is not None and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise typer.BadParameter(f"{text} must be HOST:PORT, e.g. 0.0.0.0:8080")
    return text


def _agents(names: list[str] | None) -> list[str] | None:
    try:
        policies_for(gitops_agents=names or ())
    except ValueError as why:
        raise typer.BadParameter(str(why)) from why
    return names


@app.callback()
def _amends(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _run(operator: Coroutine[Any, Any, None]) -> None:
    """On uvloop where it is installed (Linux): `make bench` shows what it saves."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(operator)
    else:
        uvloop.run(operator)


@app.command()
def run(
    kubeconfig: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Default: the pod's own service account."),
    ] = None,
    allow_target: Annotated[
        list[str] | None,
        typer.Option(
            help="Origin the http executor may call, e.g. https://*.example.com; repeatable. "
            "Default: https:// anywhere but loopback, link-local, metadata and the API server."
        ),
    ] = None,
    gitops_agent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            callback=_agents,
            help="Service account that may decide, as people-decide.yaml lists it, e.g. "
            "system:serviceaccount:flux-system:kustomize-controller; repeatable, in that order.",
        ),
    ] = None,
    lease_namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Namespace of the leader Lease.")
    ] = "amends-system",
    lease_seconds: Annotated[
        int, typer.Option(min=3, help="How long the leader Lease lasts without being renewed.")
    ] = 15,
    claim_seconds: Annotated[
        float, typer.Option(min=1, help="How long a claim on an attempt lasts; it is renewed.")
    ] = 300,
    breaker_seconds: Annotated[
        float,
        typer.Option(min=1, max=300, help="How long a target that was found down is left alone."),
    ] = 30,
    resync_seconds: Annotated[
        float, typer.Option(min=1, help="How often everything open is compared with the server.")
    ] = 600,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="How long attempts may go on when asked to stop.")
    ] = 20,
    health_listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            callback=_address,
            help="Serve /healthz there, e.g. 0.0.0.0:8080. Default: nowhere.",
        ),
    ] = None,
    metrics_listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            callback=_address,
            help="Serve /metrics for Prometheus there, e.g. 0.0.0.0:9090. Default: nowhere.",
        ),
    ] = None,
    retention: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            callback=_duration,
            help="How long settled records stay, e.g. 30d; 0 keeps all. The annotation "
            "amends.dev/retention of a namespace overrides it.",
        ),
    ] = "0",
    export_to: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Append each record there as a line of JSON before it is deleted; - is standard "
            "output. Default: nowhere.",
        ),
    ] = None,
    sweep_seconds: Annotated[
        float, typer.Option(min=1, help="How often it is looked for records that may go.")
    ] = 3600,
    sweep_rate: Annotated[
        float, typer.Option(min=0.1, help="How many records are deleted in a second at most.")
    ] = 10,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run the operator until SIGTERM."""
    logs.configure(log_level.upper())
    settings = Settings(
        kubeconfig=kubeconfig,
        allowed_targets=tuple(allow_target or Settings.allowed_targets),
        gitops_agents=tuple(gitops_agent or ()),
        lease=LeaseSettings(
            namespace=lease_namespace,
            duration_seconds=lease_seconds,
            renew_deadline_seconds=lease_seconds * 2 // 3,
            retry_seconds=max(1, lease_seconds // 7),
        ),
        claim=timedelta(seconds=claim_seconds),
        breaker=timedelta(seconds=breaker_seconds),
        resync=timedelta(seconds=resync_seconds),
        drain=timedelta(seconds=drain_seconds),
        health_listen=health_listen,
        metrics_listen=metrics_listen,
        retention=duration(retention),
        export_to=export_to,
        sweep=timedelta(seconds=sweep_seconds),
        sweep_rate=sweep_rate,
    )
    try:
        _run(run_operator(settings))
    except (LostLeadership, BadPlugIn, CannotServe, NotArchived) as why:
        typer.echo(str(why), err=True)
        raise typer.Exit(code=3 if isinstance(why, LostLeadership) else 2) from why
    except ConfigException as why:
        said = f"Nothing says where the cluster is ({why})"
        typer.echo(f"{said}: run in a pod with a service account, or give --kubeconfig.", err=True)
        raise typer.Exit(code=2) from why


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
