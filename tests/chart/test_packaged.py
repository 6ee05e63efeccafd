"""What the package says about itself is true."""

import json
import re
from pathlib import Path

import pytest
import yaml

import amends
from amends.api import GROUP, KINDS, VERSION
from amends.runtime.metrics import FAMILIES
from chart.helm import CHART, Helm, only
from chart.value_sets import MONITORED
from values_table import Unexplained, refreshed, values

pytestmark = pytest.mark.timeout(900)  # the first of these tests may have to build helm

ABOUT = yaml.safe_load((CHART / "Chart.yaml").read_text())
METRIC = re.compile(r"\bamends_\w+")


def test_it_is_of_the_operators_version() -> None:
    assert ABOUT["appVersion"] == amends.__version__


def test_it_lists_every_kind() -> None:
    listed = yaml.safe_load(ABOUT["annotations"]["artifacthub.io/crds"])

    assert {(one["kind"], one["version"]) for one in listed} == {
        (kind.__name__, VERSION) for kind in KINDS
    }
    files = {path.name for path in (CHART / "files/crds").iterdir()}
    assert files == {f"{GROUP}_{one['name'].removesuffix(f'.{GROUP}')}.yaml" for one in listed}


def test_its_readme_explains_every_value() -> None:
    text = (CHART / "README.md").read_text()

    assert text == refreshed(text, (CHART / "values.yaml").read_text()), (
        "charts/amends/README.md is stale: run `make chart` and commit what it changes"
    )


def test_a_value_without_a_comment_is_refused_by_name() -> None:
    with pytest.raises(Unexplained, match=r"metrics\.port of values\.yaml has no comment"):
        values("metrics:\n  # -- Serve it.\n  enabled: true\n\n  port: 9090\n")


def test_the_schema_knows_every_value_and_refuses_every_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    loose: list[str] = []

    def look(path: str, part: dict[str, object]) -> None:
        properties = part.get("properties")
        if isinstance(properties, dict):
            if part.get("additionalProperties") is not False:
                loose.append(path)
            for name, below in properties.items():
                look(f"{path}/{name}", below)

    look("", schema)
    for name, definition in schema["definitions"].items():
        look(name, definition)

    assert loose == []
    assert (
        schema["properties"].keys() - {"global"}
        == yaml.safe_load((CHART / "values.yaml").read_text()).keys()
    )


def test_dashboard_and_alerts_ask_only_for_metrics_that_exist(offline: Helm) -> None:
    rendered = offline.objects(MONITORED)
    rule = json.dumps(only(rendered, "PrometheusRule")["spec"])
    dashboard = only(rendered, "ConfigMap")["data"]["amends.json"]
    there = {family.name for family in FAMILIES}

    asked = {
        "alerts": set(METRIC.findall(rule)),
        "dashboard": set(METRIC.findall(dashboard)),
    }

    assert {where: names - there for where, names in asked.items()} == {
        "alerts": set(),
        "dashboard": set(),
    }


def test_the_dashboard_shows_every_metric(offline: Helm) -> None:
    dashboard = only(offline.objects(MONITORED), "ConfigMap")["data"]["amends.json"]
    panels = json.loads(dashboard)["panels"]

    shown = {name for panel in panels for name in METRIC.findall(json.dumps(panel["targets"]))}

    assert shown == {family.name for family in FAMILIES}


def test_alerts_are_about_this_release_alone(offline: Helm) -> None:
    (group,) = only(offline.objects(MONITORED), "PrometheusRule")["spec"]["groups"]

    for rule in group["rules"]:
        asked = len(METRIC.findall(rule["expr"]))
        ours = rule["expr"].count('namespace="amends-system", job="amends-metrics"')
        assert (rule["alert"], ours) == (rule["alert"], asked)
        assert rule["labels"]["team"] == "platform"
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_package_holds_what_the_folder_does(offline: Helm, tmp_path: Path) -> None:
    offline("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.iterdir()

    assert package.name == f"amends-{ABOUT['version']}.tgz"
    assert offline.template(chart=package) == offline.template()
