"""`cancel`, `suspend` and `resume`: a person holds one Compensation back, or lets it go on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from amends.api import Compensation
from amends.api.compensation import CompensationPhase
from amends.cli.asked import consent, options, related
from amends.cli.asked.consent import Dry, DryRun, Manner, Yes
from amends.cli.asked.reading import read
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.shown import preview, screens
from amends.cli.shown.failures import Failure
from amends.cli.shown.render import Format
from amends.core.machines import COMPENSATION
from amends.core.undo.progress import in_doubt
from amends.ports import Raw

P = CompensationPhase


@dataclass(frozen=True)
class _Step:
    """One field of spec, and what it is set to. already: what it is where nothing is to do."""

    verb: str
    done: str
    field: str
    value: bool
    already: str


CANCEL = _Step("cancel", "cancelled", "cancel", True, "is about to be cancelled already")
SUSPEND = _Step("suspend", "suspended", "suspend", True, "is suspended already")
RESUME = _Step("resume", "resumed", "suspend", False, "is not suspended")


def cancel(
    compensation: options.CompensationName,
    yes: Yes = False,
    dry_run: Dry = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Cancel a Compensation, for good (spec.cancel: true).

    Nothing is interrupted: an attempt that is under way comes to its end
    first. What has been applied already is not undone by this.

    Example:

        kubectl amends cancel undo-post -n tenant-a
    """
    where = Where(namespace, context=context, kubeconfig=kubeconfig)
    _steer(compensation, CANCEL, where, Manner(yes, dry_run, output))


def suspend(
    compensation: options.CompensationName,
    yes: Yes = False,
    dry_run: Dry = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Hold a Compensation where it is (spec.suspend: true), until it is resumed.

    No attempt begins. One that is under way comes to its end.

    Example:

        kubectl amends suspend undo-post -n tenant-a
    """
    where = Where(namespace, context=context, kubeconfig=kubeconfig)
    _steer(compensation, SUSPEND, where, Manner(yes, dry_run, output))


def resume(
    compensation: options.CompensationName,
    yes: Yes = False,
    dry_run: Dry = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Let a suspended Compensation go on (spec.suspend: false).

    Shows what will be sent: one that is approved runs at once.

    Example:

        kubectl amends resume undo-post -n tenant-a
    """
    where = Where(namespace, context=context, kubeconfig=kubeconfig)
    _steer(compensation, RESUME, where, Manner(yes, dry_run, output))


def _steer(subject: str, step: _Step, where: Where, manner: Manner) -> None:
    name = related.name_of("Compensation", subject)
    with Session.open(where) as session:
        raw = session.get("Compensation", name)
        compensation = read(Compensation, raw, f"compensation {name}")
        _refuse(session, compensation, step)
        if getattr(compensation.spec, step.field) is step.value:
            consent.show(f"compensation {name} {step.already}")
            consent.report(raw, "unchanged", manner)
            return
        change = {step.field: step.value}
        if manner.dry_run is DryRun.CLIENT:
            judged = _for_git(raw, change)
        else:
            judged = session.patch_spec("Compensation", name, change, dry_run=True)
        consent.show(_screen(session, compensation, step))
        if not manner.is_real:
            consent.report(judged, step.done, manner)
            return
        consent.confirm(
            f"{step.verb.title()} {name}?", yes=manner.yes, undone="nothing was changed"
        )
        consent.report(session.patch_spec("Compensation", name, change), step.done, manner)


def _refuse(session: Session, compensation: Compensation, step: _Step) -> None:
    name, status = compensation.metadata.name, compensation.status
    if status.phase not in COMPENSATION.terminal:
        return
    hint = (
        "what it has done stays done: to undo that, create a new Compensation"
        if status.phase is P.COMPLETED and step is CANCEL
        else f"see it: {session.command('show', f'compensation/{name}')}"
    )
    raise Failure(
        f"nothing was changed: compensation {name} is {status.phase}, and stays so for good", hint
    )


def _for_git(raw: Raw, change: Mapping[str, Any]) -> Raw:
    """Only the change, as `kubectl apply --server-side` takes it: the plan may hold secrets."""
    typed = {field: raw[field] for field in ("apiVersion", "kind")}
    metadata = {field: raw["metadata"][field] for field in ("name", "namespace")}
    return {**typed, "metadata": metadata, "spec": dict(change)}


def _screen(session: Session, compensation: Compensation, step: _Step) -> RenderableType:
    meta, action = compensation.metadata, related.action_of(session, compensation)
    blocks = [screens.paragraph(_then(compensation, step))]
    request = screens.request(preview.of_compensation(compensation), "This is what it sends")
    return screens.screen(
        f"{step.verb.title()} compensation {meta.name}",
        meta.namespace,
        session.me().username,
        screens.of_compensation(compensation, action),
        (request, *blocks) if step is RESUME else blocks,
        (*_special(compensation, step), *screens.special(compensation)),
    )


def _then(compensation: Compensation, step: _Step) -> str:
    phase = compensation.status.phase
    if step is CANCEL:
        return "It will be Cancelled, for good: nothing more is sent."
    if step is SUSPEND:
        return f"It stays {phase} until somebody resumes it; no attempt begins."
    return _RESUMED.get(phase, "It goes on from where it is.")


_RESUMED = {
    P.PROPOSED: "It goes on waiting for approval.",
    P.AWAITING_APPROVAL: "It goes on waiting for approval.",
    P.APPROVED: "It is approved, so it runs at once.",
    P.FAILED: "It has failed: if attempts are left, the next one comes when it is due.",
}


def _special(compensation: Compensation, step: _Step) -> Iterator[str]:
    status = compensation.status
    if status.phase is not P.RUNNING or step is RESUME:
        return
    if status.outbox is not None and status.outbox.outcome is None:
        yield f"attempt {status.outbox.attempt} is under way and is not interrupted"
    if step is CANCEL and in_doubt(status) is not None:
        yield "an attempt may have been applied: to cancel does not take that back"
