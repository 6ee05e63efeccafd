"""What whoever runs the cluster says on a namespace."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from amends.core.namespace import FREEZE
from amends.kube.paths import MERGE_PATCH
from support.tenant import Tenant


def annotate(tenant: Tenant, namespace: str, annotations: Mapping[str, str | None]) -> None:
    """Set these as the cluster's admin; None takes one away."""
    tenant.installed.user("admin").call(
        "PATCH",
        f"/api/v1/namespaces/{namespace}",
        {"metadata": {"annotations": dict(annotations)}},
        content_type=MERGE_PATCH,
    )


@contextmanager
def frozen(tenant: Tenant, namespace: str) -> Iterator[None]:
    """Nothing begins in it meanwhile, or nowhere if it is the operator's."""
    annotate(tenant, namespace, {FREEZE: "incident 42"})
    try:
        yield
    finally:
        annotate(tenant, namespace, {FREEZE: None})
