"""What several verbs take alike: what it is about, why, where to look, and how to print."""

from typing import Annotated

import typer

from amends.cli.asked.completion import complete_contexts, complete_names, complete_namespaces
from amends.cli.shown.render import Format

CompensationName = Annotated[
    str,
    typer.Argument(
        metavar="COMPENSATION",
        help="Name of the Compensation.",
        autocompletion=complete_names,
    ),
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why. It stays in the record.")
]
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
