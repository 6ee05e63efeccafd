"""Secrets as they turn up in payloads and texts, and how each text must be shown.

Each secret is drawn from the dice it is given and remembered by its marks: pieces of eight
characters that turn up nowhere by accident. Whatever looks like a real credential is put together
at run time, so that no scanner of repositories takes this file for a leak.
"""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from random import Random
from string import ascii_letters, ascii_uppercase, digits
from typing import Any, NamedTuple

HIDDEN = "[redacted]"
LETTERS = ascii_letters + digits
MARK = 8
"""Length of a mark. A shorter rest of a secret that was cut in two opens nothing."""


class Planted(NamedTuple):
    """A value as it is, and as it must be shown."""

    value: Any
    shown: Any


def _pem(kind: str, body: str, newline: str) -> str:
    lines = newline.join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {kind}-----{newline}{lines}{newline}-----END {kind}-----"


def _coded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


# Head, length and alphabet of keys that providers issue; the heads in halves.
_ISSUED: tuple[tuple[str, int, str], ...] = (
    ("AK" + "IA", 16, ascii_uppercase + "234567"),
    ("AS" + "IA", 16, ascii_uppercase + "234567"),
    ("AI" + "za", 35, LETTERS + "-_"),
    ("ya" + "29.", 60, LETTERS + "-_"),
    ("GOC" + "SPX-", 28, LETTERS + "-_"),
    ("gh" + "p_", 36, LETTERS),
    ("gh" + "s_", 36, LETTERS),
    ("github" + "_pat_", 59, LETTERS),
    ("glp" + "at-", 20, LETTERS),
    ("xo" + "xb-", 40, LETTERS),
    ("xo" + "xp-", 60, LETTERS),
    ("xa" + "pp-1-", 50, LETTERS),
    ("sk_" + "live_", 24, LETTERS),
    ("rk_" + "test_", 24, LETTERS),
    ("wh" + "sec_", 32, LETTERS),
    ("npm" + "_", 36, LETTERS),
    ("py" + "pi-AgEIcHlwaS5vcmc", 60, LETTERS),
    ("sk-" + "ant-api03-", 60, LETTERS),
    ("sk-" + "proj-", 48, LETTERS),
    ("h" + "f_", 34, LETTERS),
    ("hv" + "s.", 24, LETTERS),
    ("do" + "p_v1_", 64, "0123456789abcdef"),
    ("shp" + "at_", 32, "0123456789abcdef"),
    ("dckr" + "_pat_", 27, LETTERS),
)

# What people and programs write around an opaque secret. ⟨⟩ is the secret, {…} a word of no
# importance; everything but the secret must stay.
_ASSIGNED = (
    "login failed: password=⟨⟩ for user {a}",
    "login failed, passwd=⟨⟩, user={a}, attempt {n}",
    'export DB_PASSWORD="⟨⟩"\nexport DB_USER={a}\n',
    "DB_USER={a} DB_PASSWORD=⟨⟩ ./run.sh --{b}",
    "host: {a}.example.com\npassword: '⟨⟩'\nport: {n}\n",
    "API_KEY=⟨⟩\nREGION={a}\nDEBUG=1\n",
    "DATABASE_URL=postgres://{a}:⟨⟩@db.example.com:5432/{b}?sslmode=require",
    "redis://:⟨⟩@cache-{a}:6379/0",
    "amqps://{a}:⟨⟩@mq.example.com/{b}",
    "{a}:⟨⟩@tcp(10.0.0.1:3306)/{b}?parseTime=true",
    "Server=db;User={a};Password=⟨⟩;Encrypt=true",
    "DefaultEndpointsProtocol=https;AccountName={a};AccountKey=⟨⟩;EndpointSuffix=core.windows.net",
    "Endpoint=sb://{a}.example.com/;SharedAccessKeyName={b};SharedAccessKey=⟨⟩",
    "GET https://api.example.com/{a}?access_token=⟨⟩&page={n} HTTP/1.1",
    "https://{a}.blob.example.com/{b}?sv=2026-01-01&sig=⟨⟩&se=2026-12-01",
    "https://{a}.s3.example.com/{b}?X-Amz-Date=20260131&X-Amz-Signature=⟨⟩",
    "https://{a}.example.com/callback#access_token=⟨⟩&expires_in={n}",
    "POST https://{a}.example.com/v{n}/items?api_key=⟨⟩ answered 403",
    "clone of https://{a}:⟨⟩@git.example.com/{b}.git failed",
    "grant_type=client_credentials&client_id={a}&client_secret=⟨⟩&scope={b}",
    "curl -X POST -H 'X-Api-Key: ⟨⟩' https://{a}.example.com/{b}",
    "curl -sS --user {a}:⟨⟩ https://{b}.example.com",
    "{a}ctl login --user {b} --password ⟨⟩ --retries {n}",
    "{a}ctl login --client-secret=⟨⟩ --region {b}",
    "machine {a}.example.com login {b} password ⟨⟩",
    "PRIVATE-TOKEN: ⟨⟩\nAccept: */*",
    "Authorization: Bearer ⟨⟩\r\nHost: {a}.example.com\r\nX-Page: {n}\r\n",
    "Authorization: Token ⟨⟩",
    "{a} said: invalid token: ⟨⟩",
    "refused Bearer ⟨⟩ of {a} after {n} tries",
    "<login><user>{a}</user><password>⟨⟩</password></login>",
    "ALTER USER {a} IDENTIFIED BY '⟨⟩'",
    "{'user': '{a}', 'api_key': '⟨⟩', 'retries': {n}}",
    "map[password:⟨⟩ user:{a}]",
    'spec.password: Invalid value: "⟨⟩": must be shorter than {n}',
    '400 from {a}: {"error":"invalid_client","client_secret":"⟨⟩","line":{n}}',
    'panic: {"user": "{a}", "auth_token": "⟨⟩"}\n\ngoroutine {n} [running]:\nmain.{b}()',
    'level=error msg="sync failed" user={a} token=⟨⟩ took={n}s',
    "aws_secret_access_key = ⟨⟩\nregion = {a}\n",
    "https://hooks.slack.com/services/⟨⟩",
    "https://discord.com/api/webhooks/{n}/⟨⟩",
)

_WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "iris",
    "juniper",
    "kelp",
    "lagoon",
    "maple",
    "north",
    "olive",
    "pine",
    "quartz",
    "river",
    "slate",
    "tundra",
    "umber",
    "valley",
    "willow",
    "yarrow",
    "zephyr",
]


class Secrets:
    """Draws secrets. marks: pieces of all of them so far, none of which may be seen again."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.marks: set[str] = set()

    def text(self, length: int | None = None, alphabet: str = LETTERS) -> str:
        """A secret without any form. Its marks: head, tail, and the middle of a long one."""
        drawn = "".join(self.dice.choices(alphabet, k=length or self.dice.randint(16, 40)))
        self.marks |= {drawn[:MARK], drawn[-MARK:]}
        if len(drawn) > 4 * MARK:
            self.marks.add(drawn[2 * MARK : 3 * MARK])
        return drawn

    def password(self) -> str:
        """A secret as a person chooses it, with characters that quoting and URLs trip over."""
        joints = (" ", "-", "'", '"', "\\", "/", "@", ":", "&", ",", ";", "=", "{", "<", "ß", "密")
        return self.text(10) + self.dice.choice(joints) + self.text(10)

    def number(self) -> int:
        """A secret of digits."""
        return int(self.dice.choice("123456789") + self.text(14, digits))

    def credential(self) -> str:
        """Something that looks like a credential by itself, wherever it stands."""
        return self.dice.choice(_CREDENTIALS)(self)

    def issued(self) -> str:
        """A key with the head by which its provider is known."""
        head, length, alphabet = self.dice.choice(_ISSUED)
        return head + self.text(length, alphabet)

    def jwt(self) -> str:
        """Header, claims, signature."""
        claims = _coded({"sub": self.text(20), "exp": self.dice.randint(1, 10**9)})
        self.marks |= {claims[-MARK - 4 : -4]}
        return ".".join([_coded({"alg": "RS256", "typ": "JWT"}), claims, self.text(43)])

    def pem(self, newline: str = "\n") -> str:
        """A private key of some kind."""
        kind = self.dice.choice(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "]) + "PRIVATE" + " KEY"
        return _pem(kind, self.text(self.dice.choice([64, 160, 400]), LETTERS + "+/"), newline)

    def bearer(self) -> Planted:
        """As it follows Authorization."""
        return Planted(f"Bearer {self.text()}", f"Bearer {HIDDEN}")

    def basic(self) -> Planted:
        """User and password in Base64."""
        coded = b64encode(f"{self.word()}:{self.text(18)}".encode()).decode()
        self.marks.add(coded.rstrip("=")[-MARK:])
        return Planted(f"Basic {coded}", f"Basic {HIDDEN}")

    def word(self) -> str:
        """A word that is no secret, unlike any other."""
        return f"{self.dice.choice(_WORDS)}{self.dice.randrange(10**6)}"

    def filled(self, template: str, secret: str) -> Planted:
        """A text around a secret, and the same with what must be shown instead."""
        filling = {
            "{a}": f"{self.dice.choice(_WORDS)}",
            "{b}": f"{self.dice.choice(_WORDS)}",
            "{n}": f"{self.dice.randint(2, 999)}",
        }
        for name, word in filling.items():
            template = template.replace(name, word)
        return Planted(template.replace("⟨⟩", secret), template.replace("⟨⟩", HIDDEN))

    def sentence(self) -> Planted:
        """A secret somewhere in a text."""
        match self.dice.randrange(6):
            case 0:
                before, after = self.dice.choice(_AROUND)
                return self.filled(f"{before}⟨⟩{after}", self.credential())
            case 1:
                held = self.dice.choice([self.bearer, self.basic])()
                return Planted(f"sent {held.value} to it", f"sent {held.shown} to it")
            case 2:
                cookie = f"session={self.text()}; theme=dark"
                return self.filled("Cookie: ⟨⟩\nHost: {a}.example.com", cookie)
            case _:
                return self.filled(self.dice.choice(_ASSIGNED), self.text())


_AROUND = (
    ("", ""),
    ("it said ", ", twice"),
    ("line {n}: (", ")"),
    ("{a}=", "&page={n}"),
    ("see https://{a}.example.com/", " for more"),
    ('{"a": "', '"'),
    ("日本 ", " für {a}"),
)
_CREDENTIALS: tuple[Callable[[Secrets], str], ...] = (
    Secrets.issued,
    Secrets.issued,
    Secrets.issued,
    Secrets.issued,
    Secrets.jwt,
    Secrets.pem,
    lambda secrets: secrets.pem("\\n"),
    # Azure: the secret of an application.
    lambda secrets: f"aB38Q~{secrets.text(34)}",
    # Telegram: the id of a bot and its key.
    lambda secrets: f"{secrets.dice.randint(10**8, 10**10 - 1)}:AA{secrets.text(33)}",
    # Google: a refresh grant.
    lambda secrets: f"1//0{secrets.text(60)}",
    lambda secrets: f"S{'G.'}{secrets.text(22)}.{secrets.text(43)}",
)
