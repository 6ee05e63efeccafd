"""The CRDs, the chart's copy of them and docs/machines.md are fresh; the cure is `make crds`."""

import json
from pathlib import Path

import pytest
import yaml

from amends.api import KINDS
from amends.cli.crds import crd_files, crds, diagrams
from amends.core.served.crds import custom_resource_definitions
from amends.core.served.diagrams import MACHINES, UnknownMachine, refreshed, shown

ROOT = Path(__file__).parents[2]
FOLDERS = ("crds", "charts/amends/files/crds")
DOCUMENT = ROOT / "docs" / "machines.md"
CURE = "is stale: run `make crds` and commit what it changes"


@pytest.mark.parametrize("folder", FOLDERS)
def test_crds_are_fresh(folder: str) -> None:
    files = (ROOT / folder).iterdir()
    written = {file.name: file.read_text(encoding="utf-8") for file in files}
    wanted = crd_files()
    stale = sorted(
        name for name in written.keys() | wanted.keys() if written.get(name) != wanted.get(name)
    )
    assert not stale, f"{folder} {CURE} ({', '.join(stale)})"


def test_diagrams_are_fresh() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert shown(text) == list(MACHINES)
    assert text == refreshed(text), f"docs/machines.md {CURE}"


def test_the_diagram_in_the_readme_is_fresh() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert shown(text) == ["compensation"]
    assert text == refreshed(text), f"README.md {CURE}"


def test_writing_removes_the_files_of_kinds_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "amends.dev_wishes.yaml").write_text("old")
    (tmp_path / "README.md").write_text("not ours")

    crds(tmp_path)

    assert {file.name for file in tmp_path.iterdir()} == {*crd_files(), "README.md"}


def test_without_a_folder_the_crds_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    crds(None)

    assert list(yaml.safe_load_all(capsys.readouterr().out)) == custom_resource_definitions()


def test_diagrams_are_made_anew_in_place(tmp_path: Path) -> None:
    document = tmp_path / "machines.md"
    document.write_text("before\n<!-- machine: action -->\n```mermaid\nold\n```\nafter\n")

    diagrams(document)

    assert document.read_text() == (
        "before\n<!-- machine: action -->\n```mermaid\nstateDiagram-v2\n    [*] --> Pending\n"
        "    Pending --> Recorded\n    Recorded --> [*]\n```\nafter\n"
    )


def test_a_diagram_of_no_machine_is_an_error() -> None:
    with pytest.raises(UnknownMachine, match="no machine is called 'wish'; there are action, "):
        refreshed("<!-- machine: wish -->\n```mermaid\n```\n")


def test_the_yaml_says_what_the_definitions_say() -> None:
    assert [yaml.safe_load(text) for text in crd_files().values()] == custom_resource_definitions()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_text_list_and_field_is_bounded_and_described(kind: type) -> None:
    definition = next(
        d for d in custom_resource_definitions() if d["spec"]["names"]["kind"] == kind.__name__
    )
    root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    open_ends: list[str] = []

    def look(path: str, schema: dict[str, object], *, described: bool = True) -> None:
        bounded = "maxLength" in schema or "enum" in schema or "format" in schema
        if schema.get("type") == "string" and not bounded:
            open_ends.append(f"{path} has no maxLength")
        if schema.get("type") == "array" and not {"maxItems", "x-kubernetes-list-type"} <= {
            *schema
        }:
            open_ends.append(f"{path} has no maxItems or no list type")
        if described and not schema.get("description"):
            open_ends.append(f"{path} has no description")
        for name, field in _fields(schema.get("properties")):
            look(f"{path}.{name}", field)
        if "items" in schema:
            (items,) = (field for _, field in _fields({"": schema["items"]}))
            look(f"{path}[]", items, described=False)

    for name in ("spec", "status"):
        if name in root:
            look(name, root[name])
    assert not open_ends, json.dumps(open_ends, indent=2)


def _fields(properties: object) -> list[tuple[str, dict[str, object]]]:
    return list(properties.items()) if isinstance(properties, dict) else []
