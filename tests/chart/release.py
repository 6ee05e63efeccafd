"""Amends as helm installs it on the control plane, and what tests ask of it there."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import installation
from chart.helm import CHART, NAMESPACE, RELEASE, Helm, HelmFailed, Object, Values
from cluster import Cluster
from waiting import wait_for

OURS = "app.kubernetes.io/part-of=amends"
CLUSTER_WIDE = (
    "customresourcedefinitions,clusterroles,clusterrolebindings,"
    "validatingadmissionpolicies,validatingadmissionpolicybindings,"
    "mutatingadmissionpolicies,mutatingadmissionpolicybindings"
)


@dataclass(frozen=True)
class Release:
    """A release of the chart."""

    helm: Helm
    cp: Cluster
    name: str = RELEASE
    namespace: str = NAMESPACE

    def install(self, values: Values | None = None, *more: str, chart: Path = CHART) -> None:
        """Install, and wait until the server serves our kinds and obeys our policies."""
        made = ("--namespace", self.namespace, "--create-namespace")
        self.helm("install", self.name, chart, *made, *more, values=values or {})
        self.settle()

    def upgrade(self, values: Values | None = None, *more: str, chart: Path = CHART) -> None:
        """Upgrade with these values."""
        where = ("--namespace", self.namespace)
        self.helm("upgrade", self.name, chart, *where, *more, values=values or {})
        self.settle()

    def __call__(self, *command: str) -> str:
        """Another command about this release."""
        return self.helm(*command, self.name, "--namespace", self.namespace)

    def settle(self) -> None:
        """Wait until the server serves our kinds and obeys our policies."""
        self.cp.kubectl(
            *("wait", "--for=condition=Established", "--timeout=60s", "crd", "-l", OURS)
        )
        wait_for(
            lambda: installation.enforces(self.cp), seconds=60, what="the policies to be enforced"
        )
        self.cp.kubectl("get", "amends", "--all-namespaces")

    def pod(self) -> Object:
        """What the Deployment runs."""
        asked = ("get", "deployment", "-n", self.namespace, "-o", "json", "-l", OURS)
        (deployment,) = json.loads(self.cp.kubectl(*asked).stdout)["items"]
        return dict(deployment["spec"]["template"]["spec"])

    def remove(self) -> None:
        """Everything of it, with what an uninstall keeps."""
        with suppress(HelmFailed):
            self("uninstall")
        self.cp.kubectl("delete", CLUSTER_WIDE, "-l", OURS, "--timeout=60s")


@contextmanager
def released(
    release: Release,
    values: Values | None = None,
    *more: str,
    chart: Path = CHART,
) -> Iterator[Release]:
    """The release for as long as the block runs; nothing of it is left."""
    try:
        release.install(values, *more, chart=chart)
        yield release
    finally:
        release.remove()


def earlier_chart(folder: Path) -> Path:
    """The chart of a version before this one, which knew fewer policies and fewer columns."""
    earlier = folder / "earlier"
    shutil.copytree(CHART, earlier)
    about = yaml.safe_load((earlier / "Chart.yaml").read_text())
    (earlier / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "0.0.9"}))
    (earlier / "files/policies/shallow.yaml").unlink()
    for path in (earlier / "files/crds").iterdir():
        definition = yaml.load(path.read_text(), yaml.CSafeLoader)
        for version in definition["spec"]["versions"]:
            version["additionalPrinterColumns"] = version["additionalPrinterColumns"][:1]
        path.write_text(
            "# Of the version before.\n" + yaml.dump(definition, Dumper=yaml.CSafeDumper)
        )
    return earlier


def manifest(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> str:
    """One of our objects, to be piped into kubectl."""
    return json.dumps(
        {
            "apiVersion": "amends.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
    )
