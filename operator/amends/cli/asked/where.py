"""Where to look: the cluster and the part of it that the command line names."""

import os
from dataclasses import dataclass

import typer


@dataclass(frozen=True)
class Where:
    """Which cluster, and which part of it, as told on the command line."""

    namespace: str | None = None
    all_namespaces: bool = False
    context: str | None = None
    kubeconfig: str | None = None

    def __post_init__(self) -> None:
        if self.namespace is not None and self.all_namespaces:
            raise typer.BadParameter("-n and -A exclude each other: give one of them")

    @property
    def given(self) -> str | None:
        """The kubeconfig, if it was given as an option: then a command to type next needs it."""
        return self.kubeconfig if self.kubeconfig != os.environ.get("KUBECONFIG") else None
