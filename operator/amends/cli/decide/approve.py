"""`approve` and `reject`: one person's statement about one plan, made after reading it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group

from amends.api import Approval, Compensation
from amends.api.approval import ApprovalDecision
from amends.cli.asked import consent, options, related
from amends.cli.asked.consent import Dry, DryRun, Manner, Yes
from amends.cli.asked.reading import read
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.decide import statements, waiting
from amends.cli.decide.statements import Statement
from amends.cli.shown import demands, preview, screens
from amends.cli.shown.failures import Failure
from amends.cli.shown.me import Me
from amends.cli.shown.render import Format
from amends.core.namespace import Floors
from amends.core.records.digest import plan_digest_of
from amends.core.statement import Verdict
from amends.core.undo.approval import verdict
from amends.runtime.clock import SystemClock


def approve(
    compensation: options.CompensationName,
    reason: options.Reason = None,
    yes: Yes = False,
    dry_run: Dry = None,
    wait: waiting.Wait = False,
    timeout: waiting.Timeout = waiting.SECONDS,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Approve a Compensation: exactly the plan that is shown.

    Shows the request that would be sent, with secrets hidden, and the
    digest of the plan; asks; then creates an Approval of that digest. If
    the plan changes meanwhile, it does not count.

    Examples:

        kubectl amends approve undo-post -n tenant-a --reason "wrong channel"
        kubectl amends approve undo-post --dry-run=client -o yaml >apv.yaml
    """
    where = Where(namespace, context=context, kubeconfig=kubeconfig)
    patience = timeout if wait else None
    _state(compensation, _Said("Approve", reason), where, Manner(yes, dry_run, output), patience)


def reject(
    compensation: options.CompensationName,
    reason: options.Reason = None,
    yes: Yes = False,
    dry_run: Dry = None,
    wait: waiting.Wait = False,
    timeout: waiting.Timeout = waiting.SECONDS,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Reject a Compensation: one rejection ends it, and it says why.

    Who asked for it may reject it too.

    Example:

        kubectl amends reject undo-post -n tenant-a --reason "it is right"
    """
    reason = consent.required(reason, "--reason", "who asked must be told why it is rejected")
    where = Where(namespace, context=context, kubeconfig=kubeconfig)
    patience = timeout if wait else None
    _state(compensation, _Said("Reject", reason), where, Manner(yes, dry_run, output), patience)


@dataclass(frozen=True)
class _Said:
    """Approve or Reject, and why."""

    decision: str
    reason: str | None

    @property
    def verb(self) -> str:
        """As the command is called."""
        return self.decision.lower()


def _state(subject: str, said: _Said, where: Where, manner: Manner, patience: float | None) -> None:
    name, now = related.name_of("Compensation", subject), SystemClock().now()
    with Session.open(where) as session:
        raw = session.get("Compensation", name)
        compensation = read(Compensation, raw, f"compensation {name}")
        me = session.me()
        floors = demands.floors_of(session.annotations(compensation.metadata.namespace))
        statement = _statement(compensation, said, me)
        found = _judge(statement, compensation, floors, now)
        if (again := _said_before(session, found, said, compensation, me.username)) is not None:
            consent.report(again, "unchanged", manner)
            return
        warned = _refuse(session, found, compensation, manner)
        then = demands.leads_to(compensation, ApprovalDecision(said.decision), floors, me, now)
        screen = _screen(session, compensation, said, statement, then, warned)
        stored = statements.make(session, statement, manner, screen)
        if stored is not None:
            waiting.follow(session, stored, f"compensation/{name}", patience)


def _statement(compensation: Compensation, said: _Said, me: Me) -> Statement:
    meta, status = compensation.metadata, compensation.status
    unseen = status.preview is None or status.observed_generation != meta.generation
    if compensation.spec.execution.binds_its_preview and unseen:
        raise Failure(
            f"the operator has not seen yet what compensation {meta.name} would change, and that "
            "is part of what is approved",
            f"see what it waits for: kubectl amends show {meta.name} -n {meta.namespace}",
        )
    try:
        computed = plan_digest_of(compensation)
    except ValueError as why:
        raise Failure(
            f"compensation {meta.name} has no plan digest: {why}",
            "whoever wrote it must write numbers beyond ±9007199254740991 as strings",
        ) from why
    seen = status.observed_generation == meta.generation
    if seen and status.plan_digest not in (None, computed):
        raise Failure(
            f"the plan digest of compensation {meta.name} is {computed} by this kubectl-amends, "
            f"and {status.plan_digest} by the operator: they are of different versions",
            "install the kubectl-amends of the operator's version: kubectl amends --version",
        )
    spec: dict[str, Any] = {
        "subjectRef": {"kind": "Compensation", "name": meta.name, "uid": meta.uid},
        "planDigest": computed,
        "decision": said.decision,
    }
    if said.reason:
        spec["reason"] = said.reason
    return Statement("Approval", said.verb, "subjectRef", spec, meta.namespace, *me)


def _judge(
    statement: Statement, compensation: Compensation, floors: Floors | None, now: datetime
) -> Verdict:
    """What the operator would say of it, by the operator's own rules."""
    by = compensation.status.superseded_by
    # By the server's clock it will be newer than what has happened, whatever this clock says.
    made = max(now, by.time + timedelta(seconds=1)) if by is not None else now
    ledger, demanded = compensation.status.approvals, floors or Floors(unapproved=True)
    approval = statement.would_be(Approval, creationTimestamp=made)
    return verdict(approval, compensation, ledger, demanded, now)


def _said_before(
    session: Session, found: Verdict, said: _Said, compensation: Compensation, me: str
) -> Any:
    if found.reason != "Duplicate":
        return None
    mine = next(one for one in compensation.status.approvals if one.username == me)
    same = mine.decision == said.decision
    return session.find_one("Approval", mine.name) if same else None


def _refuse(
    session: Session, found: Verdict, compensation: Compensation, manner: Manner
) -> list[str]:
    """What to warn of.

    Raises:
        Failure: it can never count.
    """
    name = compensation.metadata.name
    look = f"see it: {session.command('show', f'compensation/{name}')}"
    if compensation.spec.cancel and found.reason != "TooLate":
        raise Failure(f"compensation {name} is about to be cancelled: spec.cancel is true", look)
    if found.counts:
        return []
    if not found.final:
        unseen = found.reason == "DigestMismatch"  # the digest says so already
        return [] if unseen else [f"It does not count yet: {found.message}"]
    if found.reason == "SelfApproval":
        if manner.dry_run is DryRun.CLIENT:
            return [f"It will not count if you apply it yourself: {found.message}"]
        raise Failure(
            f"your approval would not count: {found.message}",
            f"another person approves: {session.command('approve', name)}",
            f"to take it back instead: {session.command('cancel', name)}",
        )
    raise Failure(f"nothing was created: {found.message}", look)


def _screen(
    session: Session,
    compensation: Compensation,
    said: _Said,
    statement: Statement,
    then: str,
    warned: list[str],
) -> Group:
    meta, action = compensation.metadata, related.action_of(session, compensation)
    decision = ApprovalDecision(said.decision)
    would = "would be" if decision is ApprovalDecision.REJECT else "will be"
    facts = [*screens.of_compensation(compensation, action)]
    if said.reason:
        facts.append(("Your reason", preview.visible(said.reason)))
    return screens.screen(
        f"{said.decision} compensation {meta.name}",
        meta.namespace,
        statement.username,
        facts,
        (
            screens.request(preview.of_compensation(compensation), f"This {would} sent"),
            screens.digest(str(statement.spec["planDigest"]), compensation.status.plan_digest),
            screens.paragraph(then),
        ),
        (*screens.special(compensation), *_held(compensation), *warned),
    )


def _held(compensation: Compensation) -> list[str]:
    if not compensation.spec.suspend:
        return []
    return ["spec.suspend is true: approved or not, it stays where it is until somebody resumes it"]
