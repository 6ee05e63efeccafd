"""Random nested payloads as automations and providers send them, with secrets planted in them.

A payload is drawn from its number, so that a failing one can be drawn again alone.
"""

import json
from base64 import b64encode
from random import Random
from typing import Any, NamedTuple

from support.innocents import Innocents
from support.secrets import HIDDEN, Planted, Secrets

SECRET_WORDS = (
    "token",
    "secret",
    "password",
    "authorization",
    "api key",
    "apikey",
    "private key",
)
_BEFORE = ("", "", "db", "client", "access", "refresh", "x", "old", "github", "slack bot", "my")
_AFTER = ("", "", "", "value", "id", "2", "hash", "old", "for deploy", "base64")
_KEYS = (
    *("order id", "created at", "user", "status", "items", "region", "retry count", "x request id"),
    *(
        "message",
        "labels",
        "spec",
        "meta data",
        "channel",
        "amount",
        "currency",
        "http proxy",
        "id",
    ),
    *(
        "trace parent",
        "content type",
        "e tag",
        "options",
        "result",
        "data",
        "author",
        "key",
        "path",
    ),
    *(
        "url",
        "public key",
        "pass rate",
        "größe",
        "名前",
        "description",
        "commit",
        "digest",
        "author",
    ),
)


class Payload(NamedTuple):
    """A JSON object, how it must be shown, and the marks of every secret in it."""

    value: dict[str, Any]
    shown: dict[str, Any]
    marks: frozenset[str]


def payload(number: int, leaves: int = 24) -> Payload:
    """The payload of this number; about so many leaves."""
    return Payloads(number).payload(leaves)


class Payloads:
    """Draws payloads and texts; the same number leads to the same ones in the same order."""

    def __init__(self, number: int) -> None:
        self.dice = Random(f"payload {number}")
        self.secrets = Secrets(self.dice)
        self.innocents = Innocents(self.secrets)

    def payload(self, leaves: int = 24) -> Payload:
        """A JSON object with at least one secret."""
        held = self._object(self.dice.randint(2, leaves), depth=0)
        name = self._secret_key()
        value, shown = {**held.value, name: self.secrets.text()}, {**held.shown, name: HIDDEN}
        return Payload(value, shown, frozenset(self.secrets.marks))

    def text(self, most: int = 4000) -> Planted:
        """A text of a few lines with a secret in at least one of them."""
        lines = [self.innocents.text() for _ in range(self.dice.randint(0, 3))]
        planted = [Planted(line, line) for line in lines if len(line) < most // 8]
        planted.insert(self.dice.randint(0, len(planted)), self.secrets.sentence())
        made = Planted(*("\n".join(part) for part in zip(*planted, strict=True)))
        return made if len(made.value) <= most else self.text(most)

    # -------------------------------------------------------------------------- what holds others

    def _value(self, leaves: int, depth: int) -> Planted:
        if leaves <= 1 or depth > 8:
            return self._leaf()
        match self.dice.randrange(10):
            case 0 | 1 | 2 | 3:
                return self._object(leaves, depth)
            case 4 | 5:
                return self._list(leaves, depth)
            case 6:
                return self._headers()
            case 7:
                return self._environment()
            case 8:
                return self._json_text(leaves, depth)
            case _:
                return self._pairs_and_flags()

    def _object(self, leaves: int, depth: int) -> Planted:
        value: dict[str, Any] = {}
        shown: dict[str, Any] = {}
        for part in self._parts(leaves):
            if self.dice.random() < 0.15:
                name = self._secret_key()
                value[name], shown[name] = self._anything_secret(depth), HIDDEN
            else:
                name = self._key(value)
                value[name], shown[name] = self._value(part, depth + 1)
        return Planted(value, shown)

    def _list(self, leaves: int, depth: int) -> Planted:
        items = [self._value(part, depth + 1) for part in self._parts(leaves)]
        return Planted([item.value for item in items], [item.shown for item in items])

    def _parts(self, leaves: int) -> list[int]:
        number = self.dice.randint(1, min(leaves, 6))
        return [leaves // number] * number

    def _anything_secret(self, depth: int) -> Any:
        """What may stand under a key that says it is secret."""
        match self.dice.randrange(8):
            case 0:
                return self.secrets.number()
            case 1:
                return [self.secrets.text(), {"of": [self.secrets.password()]}]
            case 2:
                return {self._key({}): self.secrets.text(), "history": [[self.secrets.text()]]}
            case 3:
                return self.secrets.password()
            case 4:
                return self.secrets.credential()
            case 5:
                return self.secrets.bearer().value
            case 6:
                return json.dumps({"value": self.secrets.password(), "kept": [1, None, True]})
            case _:
                return self.secrets.text()

    def _json_text(self, leaves: int, depth: int) -> Planted:
        """JSON in a string, as bodies are logged; now and then in a string of JSON."""
        held = self._object(max(leaves // 2, 2), depth + 2)
        layout: dict[str, Any] = self.dice.choice(
            [{}, {"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}]
        )
        return Planted(json.dumps(held.value, **layout), json.dumps(held.shown, **layout))

    def _headers(self) -> Planted:
        """A request or an answer."""
        authorization = self.dice.choice([self.secrets.bearer, self.secrets.basic])().value
        value = {
            "Authorization": authorization,
            "X-Api-Key": self.secrets.text(),
            "Set-Cookie": [f"sid={self.secrets.text()}; Path=/"],
            "Content-Type": "application/json; charset=utf-8",
            "X-Request-Id": self.innocents.uuid(),
        }
        hidden = dict.fromkeys(("Authorization", "X-Api-Key", "Set-Cookie"), HIDDEN)
        return Planted({"headers": value}, {"headers": {**value, **hidden}})

    def _environment(self) -> Planted:
        """Environment variables, in each of the ways that containers are given them."""
        secret, plain = self.secrets.text(), self.secrets.word()
        match self.dice.randrange(4):
            case 0:
                return Planted(
                    [{"name": "DB_PASSWORD", "value": secret}, {"name": "REGION", "value": plain}],
                    [{"name": "DB_PASSWORD", "value": HIDDEN}, {"name": "REGION", "value": plain}],
                )
            case 1:
                return Planted(
                    {"Env": [f"API_TOKEN={secret}", f"REGION={plain}"]},
                    {"Env": [f"API_TOKEN={HIDDEN}", f"REGION={plain}"]},
                )
            case 2:
                return Planted(
                    {"env": {"API_TOKEN": secret, "REGION": plain}},
                    {"env": {"API_TOKEN": HIDDEN, "REGION": plain}},
                )
            case _:
                data = {"user": b64encode(secret.encode()).decode()}
                self.secrets.marks.add(data["user"][:8])
                manifest = {"kind": "Secret", "metadata": {"name": plain}}
                return Planted({**manifest, "data": data}, {**manifest, "data": HIDDEN})

    def _pairs_and_flags(self) -> Planted:
        """Lists in which the neighbour gives a secret away."""
        secret, plain = self.secrets.text(), self.secrets.word()
        if self.dice.random() < 0.5:
            return Planted(
                {"args": ["login", "--user", plain, "--password", secret, "--quiet"]},
                {"args": ["login", "--user", plain, "--password", HIDDEN, "--quiet"]},
            )
        return Planted(
            {"raw": [["Host", plain], ["X-Api-Key", secret], ["Accept", "*/*"]]},
            {"raw": [["Host", plain], ["X-Api-Key", HIDDEN], ["Accept", "*/*"]]},
        )

    # ------------------------------------------------------------------------------------ keys

    def _key(self, taken: dict[str, Any]) -> str:
        """A key that says nothing about secrets, unlike its neighbours."""
        name = self._styled(self.dice.choice(_KEYS))
        return name if name not in taken else f"{name}_{len(taken)}"

    def _secret_key(self) -> str:
        words = " ".join(
            (self.dice.choice(_BEFORE), self.dice.choice(SECRET_WORDS), self.dice.choice(_AFTER))
        )
        return f"{self._styled(words.strip())}"

    def _styled(self, words: str) -> str:
        parts = words.split()
        match self.dice.randrange(7):
            case 0:
                return "-".join(parts)
            case 1:
                return parts[0] + "".join(part.title() for part in parts[1:])
            case 2:
                return "".join(part.title() for part in parts)
            case 3:
                return "_".join(parts).upper()
            case 4:
                return "-".join(part.title() for part in parts)
            case 5:
                return ".".join(parts)
            case _:
                return "_".join(parts)

    # ---------------------------------------------------------------------------------- leaves

    def _leaf(self) -> Planted:
        if self.dice.random() < 0.25:
            return self.secrets.sentence()
        innocent = self.innocents.leaf()
        return Planted(innocent, innocent)
