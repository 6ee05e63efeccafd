"""The chart as helm sees it: rendered, refused, installed."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
Values = Mapping[str, Any]

REPO = Path(__file__).parents[2]
CHART = REPO / "charts/amends"
RELEASE = "amends"
NAMESPACE = "amends-system"
STAMPS = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
"""What a cluster from 1.36 on says that it serves; helm knows it only from a cluster."""


class HelmFailed(RuntimeError):
    """helm ended with an error; the text holds what it said."""


@dataclass(frozen=True)
class Helm:
    """helm, in a home of its own; of a cluster if it has a kubeconfig."""

    program: Path
    home: Path
    kubeconfig: Path | None = None

    def __call__(self, *arguments: str | Path, values: Values | None = None) -> str:
        """What a command says. Values come in as a file does. Raises HelmFailed."""
        given = () if values is None else ("--values", "-")
        ended = subprocess.run(
            [self.program, *arguments, *given],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "KUBECONFIG": str(self.kubeconfig or os.devnull),
            },
            input=None if values is None else yaml.safe_dump(dict(values)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if ended.returncode != 0:
            raise HelmFailed(ended.stderr.strip() or ended.stdout.strip())
        return ended.stdout

    def template(
        self,
        values: Values | None = None,
        *arguments: str,
        release: str = RELEASE,
        namespace: str = NAMESPACE,
        stamps: bool = True,
        chart: Path = CHART,
    ) -> str:
        """The manifests, hooks included, as text."""
        served = ("--api-versions", STAMPS) if stamps else ()
        where = ("--namespace", namespace)
        return self("template", release, chart, *where, *served, *arguments, values=values or {})

    def objects(self, values: Values | None = None, **how: Any) -> list[Object]:
        """The rendered objects, hooks included."""
        return parsed(self.template(values, **how))


def parsed(manifests: str) -> list[Object]:
    """Every object of a text of many."""
    return [one for one in yaml.load_all(manifests, yaml.CSafeLoader) if one is not None]


def only(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The one object of this kind, or of this kind and name."""
    (one,) = (o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"]))
    return one


def operator(objects: list[Object]) -> Object:
    """The operator's container."""
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def bare(one: Object) -> Object:
    """The object without what the chart says about itself, as the plain file has it."""
    metadata = dict(one["metadata"])
    ours = ("app.kubernetes.io/", "helm.sh/")
    for part in ("labels", "annotations"):
        kept = {k: v for k, v in (metadata.pop(part, None) or {}).items() if not k.startswith(ours)}
        if kept:
            metadata[part] = kept
    return {**one, "metadata": metadata}
