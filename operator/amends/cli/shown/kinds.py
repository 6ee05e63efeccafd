"""Kinds as people type them: `compensations`, `compensation/undo-1`, `cmp/undo-1`."""

from typing import NamedTuple

import typer

from amends.api import GROUP, KINDS, Resource

BY_NAME: dict[str, type[Resource]] = {kind.__name__: kind for kind in KINDS}


def dashes(word: str) -> str:
    """A CamelCase word as people type it: dead-letter."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in word)[1:]


LISTED: dict[str, type[Resource]] = {f"{dashes(kind.__name__)}s": kind for kind in KINDS}
"""What `list` takes, as help and completion show it: dead-letters, not deadletters."""

_WORDS: dict[str, type[Resource]] = {
    word: kind
    for dashed, kind in LISTED.items()
    for word in (
        dashed,
        dashed.removesuffix("s"),
        kind.SERVED.plural,
        kind.SERVED.plural.removesuffix("s"),
        *kind.SERVED.short_names,
    )
}


class Named(NamedTuple):
    """An object as it was typed. kind: None if only a name was given."""

    kind: str | None
    name: str


def kind_of(word: str) -> str:
    """The kind that a word means."""
    plain = word.lower().removesuffix(f".{GROUP}")
    if plain not in _WORDS:
        raise typer.BadParameter(f"{word} is no kind of ours: write one of {', '.join(LISTED)}")
    return _WORDS[plain].__name__


def named(text: str, default: str | None = None) -> Named:
    """`kind/name`, or a name alone."""
    word, slash, name = text.rpartition("/")
    if not name:
        raise typer.BadParameter(f"{text} names nothing: write NAME or KIND/NAME")
    return Named(kind_of(word) if slash else default, name)


def dashed(kind: str) -> str:
    """How `list` calls a kind."""
    return next(word for word, one in LISTED.items() if one.__name__ == kind)


def spoken(kind: str) -> str:
    """A kind in a sentence: dead letter."""
    return dashes(kind).replace("-", " ")


def reference(kind: str, name: str) -> str:
    """How `show` takes an object: dead-letter/x."""
    return f"{dashes(kind)}/{name}"
