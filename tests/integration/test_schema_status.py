"""The API server keeps every field that the operator writes into a status, and adds none."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from amends.api import KINDS, Resource
from amends.api.wire import Wire
from integration.cluster import Cluster
from integration.objects import named
from integration.statuses import FULL

pytestmark = pytest.mark.controlplane

WITH_STATUS = [kind for kind in KINDS if kind.__name__ != "Receipt"]
EVERY_STATUS = pytest.mark.parametrize("kind", WITH_STATUS, ids=lambda kind: kind.__name__)


def read(kind: type[Resource], status: object) -> Wire:
    """A status as our types read it."""
    obj = named(kind.__name__, "one")
    obj["metadata"]["namespace"] = "tenant-a"
    read = kind.read({**obj, "status": status}).status
    assert read is not None
    return read


def left_out(value: object, path: str) -> Iterator[str]:
    """Fields that nobody has set, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from left_out(item, f"{path}[]")
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name not in value.model_fields_set:
                yield f"{path}.{name}"
            yield from left_out(getattr(value, name), f"{path}.{name}")


@EVERY_STATUS
def test_the_full_status_has_every_field(kind: type[Resource]) -> None:
    assert list(left_out(read(kind, FULL[kind.__name__]), "status")) == []


@EVERY_STATUS
def test_what_the_operator_writes_is_what_is_stored(
    kind: type[Resource], admin: Cluster, operator: Cluster
) -> None:
    word = kind.__name__
    admin.create(named(word, "one"))

    operator.write_status(word, "one", FULL[word])

    stored = admin.read(word, "one")["status"]
    assert stored == FULL[word]
    assert read(kind, stored).wire() == stored


@EVERY_STATUS
def test_a_new_object_has_the_status_of_our_types(kind: type[Resource], admin: Cluster) -> None:
    stored = admin.create(named(kind.__name__, "one"))

    assert stored["status"] == read(kind, {}).wire()
