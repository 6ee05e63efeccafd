"""`digest` and `verify-receipt`: recompute what was approved and what was proved, and compare."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from amends.api import Approval, Compensation, Receipt
from amends.api.execution import Execution
from amends.cli.asked import completion, documents, options, related
from amends.cli.asked.documents import Document
from amends.cli.asked.reading import read
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.prove import audit
from amends.cli.prove.audit import Check, Lookup, Missing, Result
from amends.cli.shown import render
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.preview import visible
from amends.cli.shown.render import Format
from amends.core.records.digest import plan_digest_of
from amends.kube.paths import PLURALS

File = Annotated[
    Path,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE",
        help="A file with one or several documents; - is standard input.",
    ),
]


@dataclass(frozen=True)
class Planned:
    """One Compensation of a file, and its plan digest."""

    document: Document
    compensation: Compensation
    digest: str


def digest(
    file: File,
    namespace: options.Namespace = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Compute what an approver approves, from a file and without a cluster.

    Prints the plan digest of each Compensation, the same that the operator
    writes into status.planDigest, whether or not it was ever applied. For
    each Approval in the file it says whether it fits; an Approval of
    another plan ends with exit code 5.

    Examples:

        kubectl amends digest -f undo.yaml
        kubectl get cmp undo -o yaml | kubectl amends digest -f -
    """
    found = documents.read(file)
    plans = [_planned(one, namespace) for one in found if one.kind == "Compensation"]
    _warn_of_nulls(plans)
    checks = [_approval(one, namespace, plans) for one in found if one.kind == "Approval"]
    if not plans and not checks:
        kinds = ", ".join(sorted({one.kind for one in found}))
        raise Failure(
            f"{found[0].where} holds no Compensation and no Approval, only {kinds}",
            "only a Compensation has a plan digest",
        )
    if output in (Format.JSON, Format.YAML):
        render.document({"plans": [_line(plan) for plan in plans], "approvals": checks}, output)
    else:
        for plan in plans:
            meta = plan.compensation.metadata
            typer.echo(f"{plan.digest}  compensation/{meta.name}  {meta.namespace}")
        for check in checks:
            typer.echo(f"{check['result']}: approval/{check['name']} {check['detail']}")
    if any(check["result"] == Result.MISMATCH for check in checks):
        raise typer.Exit(Exit.NOT_VERIFIED)


def _warn_of_nulls(plans: list[Planned]) -> None:
    """`kubectl apply` leaves nulls out of what it creates; create and server-side apply do not."""
    for plan in plans:
        for path in _nulls_of(plan.compensation.spec.execution):
            typer.echo(
                f"warning: {plan.document.where}: {path} is null, and the digest is with it: "
                "kubectl apply drops nulls, so apply it with --server-side, or leave it out",
                err=True,
            )


def _nulls_of(execution: Execution) -> Iterator[str]:
    if (http := execution.http) is not None:
        yield from _nulls(http.body, "spec.execution.http.body")
    if (change := execution.kubernetes) is not None:
        yield from _nulls(change.manifest, "spec.execution.kubernetes.manifest")
        patch = change.patch.wire() if change.patch is not None else None
        yield from _nulls(patch, "spec.execution.kubernetes.patch")


def _nulls(value: Any, path: str) -> Iterator[str]:
    inner: Iterable[tuple[object, Any]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, one in inner:
        if one is None and isinstance(value, dict):
            yield f"{path}.{key}"
        yield from _nulls(one, f"{path}.{key}")


def _line(plan: Planned) -> dict[str, str]:
    meta = plan.compensation.metadata
    return {"namespace": meta.namespace, "name": meta.name, "planDigest": plan.digest}


def _planned(document: Document, namespace: str | None) -> Planned:
    name, space = document.name, document.namespace(namespace)
    what = f"{document.where}: Compensation {name}"
    raw = {**document.raw, "metadata": {**document.raw["metadata"], "namespace": space}}
    compensation = read(Compensation, raw, what)
    if compensation.spec.execution.binds_its_preview and compensation.status.preview is None:
        raise Failure(
            f"{what} has no digest yet: what it would change now is part of what is approved, and "
            "only the server knows that (previewDrift: Refuse)",
            f"create it, then: kubectl get compensation {name} -n {space} -o yaml | "
            "kubectl amends digest -f -",
            "or write previewDrift: Allow, so that one merge request can carry its Approval too",
        )
    try:
        computed = plan_digest_of(compensation)
    except ValueError as why:
        raise Failure(
            f"{what} has no plan digest: {why}",
            "write numbers beyond ±9007199254740991 as strings",
        ) from why
    return Planned(document, compensation, computed)


def _approval(document: Document, namespace: str | None, plans: list[Planned]) -> dict[str, str]:
    name, space = document.name, document.namespace(namespace)
    raw = {**document.raw, "metadata": {**document.raw["metadata"], "namespace": space}}
    approval = read(Approval, raw, f"{document.where}: Approval {name}")
    spec, subject = approval.spec, approval.spec.subject_ref
    result, detail = Result.UNCHECKED, f"is about compensation/{subject.name}, not in this file"
    for plan in plans:
        meta = plan.compensation.metadata
        if (meta.name, meta.namespace) != (subject.name, space):
            continue
        verb = "approves" if spec.decision == "Approve" else "rejects"
        about = f"compensation/{subject.name}"
        if subject.uid and meta.uid and subject.uid != meta.uid:
            result = Result.MISMATCH
            detail = f"is bound to uid {subject.uid}, and {about} has uid {meta.uid}"
        elif spec.plan_digest == plan.digest:
            result, detail = Result.OK, f"{verb} exactly this plan of {about}"
        else:
            result = Result.MISMATCH
            detail = f"{verb} {spec.plan_digest}, another plan of {about}"
    return {"namespace": space, "name": name, "result": result.value, "detail": detail}


# ---------------------------------------------------------------------------------------- receipts


Audit = tuple[str, list[Check]]
"""The name of a Receipt, and what was asked of it."""


def verify_receipt(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RECEIPT",
            help="Name of a Receipt in the cluster.",
            autocompletion=completion.complete_names,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--filename",
            "-f",
            metavar="FILE",
            help="Receipts from a file instead, without a cluster; - is standard input.",
        ),
    ] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.Output = Format.TABLE,
) -> None:
    """Recompute a Receipt and compare it with what it is about.

    Says of each check whether it holds, and why where it cannot be made: a
    payload that was redacted has a digest over what nobody here can see. A
    mismatch ends with exit code 5.

    Examples:

        kubectl amends verify-receipt effect-3f2a9c0d1b4e5f60-1 -n tenant-a
        kubectl get rcpt,cmp -o yaml | kubectl amends verify-receipt -f -
    """
    if (name is None) == (file is None):
        raise typer.BadParameter("give the name of a Receipt, or -f FILE")
    where = Where(namespace, context=context, kubeconfig=kubeconfig)
    audits = (
        _from_file(file, namespace)
        if file is not None
        else _from_cluster(related.name_of("Receipt", str(name)), where)
    )
    if output in (Format.JSON, Format.YAML):
        content = [
            {"receipt": called, "checks": [vars(check) for check in checks]}
            for called, checks in audits
        ]
        render.document({"receipts": content}, output)
    else:
        _print(audits)
    if any(check.result is Result.MISMATCH for _, checks in audits for check in checks):
        raise typer.Exit(Exit.NOT_VERIFIED)


def _from_cluster(name: str, where: Where) -> list[Audit]:
    with Session.open(where) as session:
        receipt = read(Receipt, session.get("Receipt", name), f"Receipt {name}")

        def look_up(kind: str, wanted: str) -> Any:
            if kind not in PLURALS:
                return Missing("is of a kind that this version does not know")
            return session.find_one(kind, wanted) or Missing("is not in the cluster any more")

        return [(name, audit.checks(receipt, look_up))]


def _from_file(file: Path, namespace: str | None) -> list[Audit]:
    found = documents.read(file)
    receipts = [one for one in found if one.kind == "Receipt"]
    if not receipts:
        raise Failure(f"{found[0].where} holds no Receipt")
    audits = []
    for one in receipts:
        space = one.namespace(namespace)
        raw = {**one.raw, "metadata": {**one.raw["metadata"], "namespace": space}}
        receipt = read(Receipt, raw, f"{one.where}: Receipt {one.name}")
        audits.append((one.name, audit.checks(receipt, _in(found, space))))
    return audits


def _in(found: list[Document], namespace: str) -> Lookup:
    """Looks up what else the file holds of that namespace."""

    def look_up(kind: str, name: str) -> Any:
        for one in found:
            meta = {"namespace": namespace, **(one.raw.get("metadata") or {})}
            if (one.kind, meta.get("name"), meta["namespace"]) == (kind, name, namespace):
                return {**one.raw, "metadata": meta}
        return Missing("is not in the file")

    return look_up


_STYLES = {Result.OK: render.GOOD, Result.MISMATCH: "bold red", Result.UNCHECKED: render.ASKS}


def _print(audits: list[Audit]) -> None:
    for number, (name, checks) in enumerate(audits):
        above = [Text()] if number else []
        head = Text(f"Receipt {visible(name)}", style="bold")
        rows = Table.grid(padding=(0, 2, 0, 0))
        for no_wrap in (True, True, False):
            rows.add_column(no_wrap=no_wrap, overflow="fold")
        for check in checks:
            result = Text(check.result, _STYLES[check.result])
            rows.add_row(result, Text(check.name), Text(visible(check.detail)))
        render.show(*above, head, rows, _summary(checks))


def _summary(checks: list[Check]) -> Text:
    results = [check.result for check in checks]
    if wrong := results.count(Result.MISMATCH):
        return Text(f"{wrong} check(s) FAILED: this is not what was recorded", "bold red")
    unchecked = results.count(Result.UNCHECKED)
    rest = f"; {unchecked} could not be made" if unchecked else ""
    return Text(f"{results.count(Result.OK)} check(s) hold{rest}", render.GOOD)
