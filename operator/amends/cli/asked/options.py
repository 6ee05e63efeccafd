"""Options that several verbs share: where to look, as whom, and how to print."""

from typing import Annotated

import typer

from amends.cli.asked.completion import complete_contexts, complete_namespaces
from amends.cli.shown.render import Format

Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="The tenant's namespace. Default: the one of the context, else `default`.",
        autocompletion=complete_namespaces,
    ),
]
AllNamespaces = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="Every namespace, in place of one.")
]
Context = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Context of the kubeconfig. Default: its current one.",
        autocompletion=complete_contexts,
    ),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        envvar="KUBECONFIG",
        metavar="FILE",
        help="Default: ~/.kube/config, then the service account of the pod.",
    ),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print.")]
