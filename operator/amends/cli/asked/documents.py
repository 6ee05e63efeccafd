"""Reads manifests from a file, value for value as kubectl would send them.

A digest is only worth something if it is over what the API server will store. PyYAML reads YAML 1.1
in full: `2026-01-31` is a date to it and `12:30` is 750. kubectl reads with go-yaml, to which both
are strings, and `1e3` and `y` are not.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from amends.api import GROUP, VERSION
from amends.cli.shown.failures import Failure

Object = dict[str, Any]

STDIN = Path("-")


@dataclass(frozen=True)
class Document:
    """One object of a file."""

    raw: Object
    where: str

    @property
    def kind(self) -> str:
        """Its kind, if it is one of ours; otherwise with its group, as kubectl names it."""
        kind, version = str(self.raw["kind"]), str(self.raw.get("apiVersion"))
        return kind if version == f"{GROUP}/{VERSION}" else f"{kind} ({version})"

    @property
    def name(self) -> str:
        """Its metadata.name.

        Raises:
            Failure: it has none.
        """
        name = self._metadata().get("name")
        if not isinstance(name, str) or not name:
            raise Failure(f"{self.where}: metadata.name is missing: write the object's name")
        return name

    def namespace(self, given: str | None) -> str:
        """Its metadata.namespace, or the one given on the command line.

        Raises:
            Failure: there is neither, or they differ.
        """
        written = self._metadata().get("namespace")
        if written and given and written != given:
            raise Failure(
                f"{self.where}: metadata.namespace is {written}, and -n says {given}: "
                "leave one of them out"
            )
        namespace = written or given
        if not namespace:
            raise Failure(
                f"{self.where}: metadata.namespace is missing, and the plan digest covers it: "
                "write it into the file or pass -n NAMESPACE"
            )
        return str(namespace)

    def _metadata(self) -> Object:
        found = self.raw.get("metadata")
        return found if isinstance(found, dict) else {}


def read(file: Path) -> list[Document]:
    """Every object of the file, the members of lists one by one; `-` is standard input.

    Raises:
        Failure: it is no YAML, or holds something that is no object.
    """
    called = "standard input" if file == STDIN else str(file)
    documents: list[Document] = []
    for number, value in enumerate(load_all(file), 1):
        documents += _objects(value, f"{called}, document {number}")
    if not documents:
        raise Failure(f"{called} holds no object")
    return documents


def load_all(file: Path) -> list[Any]:
    """The values of the file that are not empty.

    Raises:
        Failure: it is no YAML.
    """
    called = "standard input" if file == STDIN else str(file)
    try:
        text = sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8")
        loaded = [*yaml.load_all(text, Loader=_AsKubectl)]
    except OSError as why:
        raise Failure(f"{called} cannot be read: {why.strerror}") from why
    except (yaml.YAMLError, ValueError, RecursionError) as why:
        raise Failure(f"{called} is no YAML: {' '.join(str(why).split())}") from why
    return [value for value in loaded if value is not None]


def _objects(value: Any, where: str) -> Iterator[Document]:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise Failure(f"{where} is no Kubernetes object: kind is missing")
    if not value["kind"].endswith("List"):
        yield Document(value, where)
        return
    items = value.get("items") or []
    for number, item in enumerate(items if isinstance(items, list) else [items], 1):
        yield from _objects(item, f"{where}, item {number}")


class _AsKubectl(yaml.SafeLoader):
    """Resolves plain scalars as go-yaml v2 does (sigs.k8s.io/yaml)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """JSON has only strings as keys: 1 and true, which Python holds to be one key, are two."""
        self.flatten_mapping(node)
        return {
            self._key(key): self.construct_object(value, deep=True) for key, value in node.value
        }

    def _key(self, node: yaml.Node) -> str:
        key = self.construct_object(node, deep=True)
        if isinstance(key, str):
            return key
        if isinstance(key, bool | int):
            return json.dumps(key)
        raise yaml.constructor.ConstructorError(
            problem=f"the key {key!r} is no string: put it in quotes", problem_mark=node.start_mark
        )


_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_INT = r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|0[0-7_]*|[1-9][0-9_]*)"
_FLOAT = r"[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9_]+)?"
_ODD = r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"


def _alternatives(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})\Z")


def _bool(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return loader.construct_scalar(node) in _TRUE


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "").lower()
    digits = text.lstrip("+-")
    return int(text, 8 if digits.startswith("0") and digits.isdigit() else 0)


def _float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node).replace("_", "").lower().replace(".inf", "inf"))


_AsKubectl.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", _alternatives(_TRUE + _FALSE), "yYnNtTfFoO"),
    ("null", _alternatives(["~", "null", "Null", "NULL", ""]), ["~", "n", "N", ""]),
    ("int", _alternatives([_INT]), "-+0123456789"),
    ("float", _alternatives([_FLOAT, _ODD]), "-+.0123456789"),
    ("merge", _alternatives(["<<"]), "<"),
):
    _AsKubectl.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, [*_first])
_AsKubectl.add_constructor("tag:yaml.org,2002:bool", _bool)
_AsKubectl.add_constructor("tag:yaml.org,2002:int", _int)
_AsKubectl.add_constructor("tag:yaml.org,2002:float", _float)
