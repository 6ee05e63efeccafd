"""What is no secret and must be shown as it is, however much it talks of tokens and passwords."""

from base64 import b64encode
from typing import Any

from support.secrets import Secrets

_PROSE = (
    "Restarted 3 pods of deployment {w} in 12.5 s.",
    "Unexpected token: foo in line {n}, near {w}",
    "The token bucket of {w} holds {n} tokens.",
    "Please reset your password, {w}: the link was sent to {w}@example.com.",
    "password: must be at least {n} characters",
    "could not refresh token: invalid_grant ({w})",
    "no such secret: db-credentials in {w}",
    'secrets "{w}" is forbidden: User "bob" cannot get resource "secrets" in the namespace "{w}"',
    "The secret: be kind to {w}.",
    "An API key is required for {w}; see https://{w}.example.com/docs/api-keys?page={n}",
    "Authorization header is missing for {w}",
    "Basic understanding of {w} suffices; bearer authentication is required.",
    "stat /var/run/secrets/{w}/token: no such file or directory",
    "max_tokens={n} total_tokens: {n} model={w}",
    "def login(user: str, password: str) -> {w}",
    "password=${DB_PASSWORD} token=$TOKEN user={w}",
    "{w}: token expired after {n} s",
    "Author: {w} <{w}@example.com>\n\n    Rotate the signing key of {w}\n",
    "SELECT id, name FROM {w} WHERE id = {n} ORDER BY created_at DESC",
    "Traceback (most recent call last):\n  File \"/app/{w}.py\", line {n}, in run\nKeyError: '{w}'",
    "Grüße aus Zürich, {w}! 日本語のテキスト 🎉",
    "-----BEGIN CERTIFICATE-----\nMIIB{w}\n-----END CERTIFICATE-----",
    "Ticket {w}: customer could not log in; we told them how (step {n} of 12).",
    "a,b,c\n1,2,{n}\n4,5,{w}\n",
    "registry.example.com/team/{w}:1.2.{n}",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:{w}-AbCdEf",
    "system:serviceaccount:{w}:token-controller",
    "https://{w}.example.com/a?page={n}&sort=key&code=404#top",
    "ssh://git@{w}.example.com:22/team/{w}.git",
    "mailto:{w}@example.com",
)


class Innocents:
    """Draws values that are no secrets, with the dice of those that are."""

    def __init__(self, secrets: Secrets) -> None:
        self._dice = secrets.dice
        self._word = secrets.word

    def leaf(self) -> Any:
        """Anything but a secret."""
        dice = self._dice
        match dice.randrange(16):
            case 0:
                return dice.choice([None, True, False, "", [], {}])
            case 1:
                return dice.choice([dice.randint(-(2**53) + 1, 2**53 - 1), dice.randint(0, 9999)])
            case 2:
                return dice.choice([dice.random(), -1.5e-7, 1e21, 0.1, 12.0])
            case 3:
                return self.uuid()
            case 4:
                return f"{dice.getrandbits(160):040x}"
            case 5:
                return f"sha256:{dice.getrandbits(256):064x}"
            case 6:
                return f"{self._word()}@example.com"
            case 7:
                return f"2026-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}T09:00:00.000Z"
            case 8:
                return b64encode(self._word().encode() * 4).decode()
            case 9:
                return "\n".join(self.text() for _ in range(dice.randint(1, 12)))
            case _:
                return self.text()

    def text(self) -> str:
        """A sentence, a line of a log, an address."""
        template = self._dice.choice(_PROSE)
        while "{w}" in template:
            template = template.replace("{w}", self._word(), 1)
        return template.replace("{n}", str(self._dice.randint(2, 9999)))

    def uuid(self) -> str:
        """A UUID."""
        drawn = f"{self._dice.getrandbits(128):032x}"
        return "-".join((drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:]))
