"""What the documents tell people to put into their values is what the chart takes."""

import re

import pytest
import yaml

from chart.helm import CHART, REPO, Helm, only
from values_table import Value, values

pytestmark = pytest.mark.timeout(900)  # the first of these tests may have to build helm

BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTS = ("README.md", "docs/installing.md", "charts/amends/README.md")
OF_THE_CHART = yaml.safe_load((CHART / "values.yaml").read_text()).keys()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_its_values_render(offline: Helm, document: str) -> None:
    blocks = [yaml.safe_load(text) for text in BLOCK.findall((REPO / document).read_text())]
    chosen = [one for one in blocks if one.keys() <= OF_THE_CHART]

    assert chosen
    for one in chosen:
        only(offline.objects(one), "RoleBinding", "amends-approver")


EXAMPLES = [one for one in values((CHART / "values.yaml").read_text()) if one.example]


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: value.path)
def test_the_example_of_a_value_is_taken(offline: Helm, value: Value) -> None:
    chosen = yaml.safe_load(value.example or "")
    for name in reversed(value.path.split(".")):
        chosen = {name: chosen}

    assert "kind: Deployment" in offline.template(chosen)  # raises what the schema says
