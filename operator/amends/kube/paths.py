"""Where our objects are on the API server, and how a selector is written."""

from amends.api import GROUP, KINDS, VERSION

MERGE_PATCH = "application/merge-patch+json"

PLURALS = {kind.__name__: kind.SERVED.plural for kind in KINDS}


def path_of(kind: str, namespace: str | None = None, name: str | None = None) -> str:
    """Where objects of a kind are, everywhere or in a namespace, or one of them."""
    scope = f"/namespaces/{namespace}" if namespace is not None else ""
    item = f"/{name}" if name is not None else ""
    return f"/apis/{GROUP}/{VERSION}{scope}/{PLURALS[kind]}{item}"


def escaped(value: str) -> str:
    """A value as a field selector takes it (k8s.io/apimachinery fields.EscapeValue)."""
    return "".join(f"\\{char}" if char in "\\,=" else char for char in value)
