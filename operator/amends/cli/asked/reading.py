"""Raw objects as types, with what does not fit said in words."""

from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from amends.api import Resource
from amends.cli.shown.failures import Failure
from amends.ports import Raw

_SAID_BETTER = {
    "extra_forbidden": "there is no such field: remove it, or correct its name",
    "missing": "is missing: write it",
}

R = TypeVar("R", bound=Resource)
M = TypeVar("M", bound=BaseModel)


def read(kind: type[R], raw: Raw, what: str) -> R:
    """The object as its type. what: how to call it when it does not fit.

    Raises:
        Failure: it was made by another version, or by hand.
    """
    return parsed(kind, raw, what)


def parsed(model: type[M], raw: object, what: str) -> M:
    """The same for any part of an object."""
    try:
        return model.model_validate(raw)
    except ValidationError as why:
        raise Failure(f"{what} does not fit the schema of this version", *complaints(why)) from why


def complaints(why: ValidationError) -> Iterator[str]:
    """Field by field, without the values: they may be secret."""
    for error in why.errors(include_url=False, include_input=False, include_context=False):
        field = ".".join(str(step) for step in error["loc"])
        yield f"{field}: {_words(error['type'], error['msg'])}"


def _words(kind: str, message: str) -> str:
    return _SAID_BETTER.get(kind) or message[:1].lower() + message[1:]
