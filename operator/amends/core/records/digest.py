"""Digests: sha256 over RFC 8785 canonical JSON, so that everybody computes the same one."""

import hashlib
from typing import Any

import rfc8785

from amends.api.compensation import Compensation, CompensationSpec


def digest(value: Any) -> str:
    """`sha256:` and the hex digest of the value's canonical JSON.

    Raises:
        ValueError: the value has no canonical JSON (a number beyond ±2^53, NaN, a lone surrogate,
            more levels than can be walked).
    """
    return "sha256:" + hashlib.sha256(_canonical(value)).hexdigest()


def short(*parts: object) -> str:
    """The first 16 hex digits of the sha256 over the canonical JSON array of the parts."""
    return hashlib.sha256(_canonical(list(parts))).hexdigest()[:16]


def plan_digest(
    namespace: str, name: str, spec: CompensationSpec, preview: str | None = None
) -> str:
    """What an approver approves: this Compensation, and everything that decides what it will do.

    The spec counts with its defaults, so a file gives the same digest before it is applied.
    preview: digest of what it would do now; it counts where the plan binds it, and only there.
    """
    plan = {
        field: value
        for field, value in spec.wire().items()
        if field not in CompensationSpec.NOT_PLAN
    }
    content = {"kind": "Compensation", "namespace": namespace, "name": name, "spec": plan}
    if preview is not None and spec.execution.binds_its_preview:
        content["preview"] = preview
    return digest(content)


def plan_digest_of(compensation: Compensation) -> str:
    """The plan digest of a Compensation as it is stored, with the preview that is on record."""
    meta, preview = compensation.metadata, compensation.status.preview
    return plan_digest(
        meta.namespace,
        meta.name,
        compensation.spec,
        preview.digest if preview is not None else None,
    )


def _canonical(value: Any) -> bytes:
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as why:
        raise ValueError(f"no canonical JSON: {why}") from why
