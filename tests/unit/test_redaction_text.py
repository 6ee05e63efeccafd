"""Redaction of texts: only what looks like a credential goes, and prose stays.

Whatever looks like a real credential is put together at run time, so that no scanner of
repositories takes this file for a leak.
"""

import json
from base64 import b64encode, urlsafe_b64encode

import pytest

from amends.core.records.redaction import REDACTED, redact, redact_text


def _b64url(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _run_of(length: int, alphabet: str = "aB3dE6gH9jK2mN5pQ8") -> str:
    return (alphabet * length)[:length]


JWT = ".".join([_b64url({"alg": "RS256"}), _b64url({"sub": "someone", "exp": 1}), _run_of(43)])
PAIR = b64encode(b"bob:" + b"hunter2").decode()


def _pem(kind: str, newline: str = "\n") -> str:
    body = newline.join([_run_of(64)] * 3)
    return f"-----BEGIN {kind}-----{newline}{body}{newline}-----END {kind}-----"


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(JWT, id="JWT"),
        pytest.param(JWT.rsplit(".", 1)[0] + ".", id="JWT without a signature"),
        pytest.param(".".join([JWT.split(".")[0], *[_run_of(20)] * 4]), id="JWE"),
        pytest.param(_pem("PRIVATE" + " KEY"), id="PEM"),
        pytest.param(_pem("RSA PRIVATE" + " KEY"), id="RSA PEM"),
        pytest.param(_pem("PGP PRIVATE" + " KEY BLOCK"), id="PGP"),
        pytest.param(_pem("OPENSSH PRIVATE" + " KEY", "\\n"), id="PEM on one line"),
        pytest.param("AK" + "IA" + _run_of(16, "ABCDEFGH2345"), id="AWS access key"),
        pytest.param("aB3" + "8Q" + "~" + _run_of(34), id="Azure application secret"),
        pytest.param("1/" + "/0" + _run_of(60), id="Google refresh grant"),
        pytest.param("123456789" + ":AA" + _run_of(33), id="Telegram bot"),
        pytest.param("AS" + "IA" + _run_of(16, "ABCDEFGH2345"), id="AWS temporary key"),
        *(
            pytest.param(left + right + _run_of(length), id=f"{left}{right}")
            for left, right, length in [
                ("gh", "p_", 36),
                ("gh", "s_", 36),
                ("github", "_pat_", 60),
                ("glp", "at-", 20),
                ("gl", "dt-", 20),
                ("xo", "xb-1234567890-", 24),
                ("xa", "pp-1-A1-", 24),
                ("sk_", "live_", 24),
                ("rk_", "test_", 24),
                ("wh", "sec_", 32),
                ("AI", "za", 35),
                ("ya", "29.", 40),
                ("npm", "_", 36),
                ("py", "pi-AgEIcHlwaS5vcmc", 60),
                ("sk-", "ant-api03-", 60),
                ("sk-", "proj-", 48),
                ("sk", "-", 48),
                ("h", "f_", 34),
                ("hv", "s.", 24),
                ("dckr", "_pat_", 24),
                ("gl", "sa_", 32),
                ("S", "G." + _run_of(22) + ".", 43),
            ]
        ),
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("it said ", ", twice"),
        ('{"a": "', '"}'),
        ("x=", "&y=1"),
        ("line\\n", " end"),
        ("(", ")"),
    ],
    ids=["alone", "in a sentence", "in JSON", "in a query", "after an escape", "in brackets"],
)
def test_e3_a_credential_goes_wherever_it_stands(credential: str, before: str, after: str) -> None:
    assert redact_text(before + credential + after) == before + REDACTED + after


@pytest.mark.parametrize(
    "text",
    [
        # ⟨…⟩ marks the part that must go
        "password=⟨hunter2⟩",
        "password=⟨password⟩",
        "password = ⟨hunter2⟩",
        "password: ⟨hunter2⟩",
        "(password=⟨hunter2⟩).",
        "login failed, passwd=⟨hunter2⟩, user=bob",
        'password="⟨correct horse battery⟩" user=bob',
        "Server=db;User=bob;Password=⟨hun,ter;2⟩;Encrypt=true",
        "host=db Pwd=⟨hunter2⟩ port=1",
        "token: ⟨abc123⟩",
        "token: ⟨abcdef⟩",
        "token=⟨abcdef⟩ rejected",
        "invalid token: ⟨8f14e45fceea167a⟩",
        "DB_PASSWORD=⟨hunter2⟩ ./run",
        "aws_secret_access_key = ⟨abcd/efg+h⟩",
        "secretAccessKey: ⟨abcd/efg+h1⟩",
        "AccountName=x;AccountKey=⟨abc123==⟩;Suffix=y",
        "api key: ⟨abc123⟩",
        "X-Api-Key: ⟨foo⟩",
        "PRIVATE-TOKEN: ⟨abc⟩",
        "Authorization: ⟨abc123⟩",
        "Authorization: Bearer ⟨abc123⟩",
        "authorization: basic ⟨abc123⟩ sent",
        "Authorization: Custom ⟨s3cr3t⟩",
        "Authorization: AWS4-HMAC-SHA256 ⟨Credential=a/b, SignedHeaders=c, Signature=d⟩",
        '{"password": "⟨hunter2⟩", "user": "bob"}',
        '{"Authorization":"⟨Bearer abc⟩"}',
        '{\\"password\\": \\"⟨hunter2⟩\\", \\"user\\": 1}',
        '{"password": "⟨a\\"b⟩", "user": 1}',
        "{'api_key': '⟨a b⟩', 'n': b'x'}",
        "{'token': b'⟨a b⟩'}",
        '{"n": 1, "tokens": ⟨["a", ["b", "]"]]⟩, "m": oops',
        '{"secret": ⟨{"a": {"b": {"c": ["}"]}}}⟩, "n": oops',
        '{"secret": ⟨{"a": [1, {"b": "cut o⟩',
        '{\\"api_key\\": ⟨[\\"a\\", [\\"b\\"]]⟩, \\"n\\": 1}',
        '{"github_api_key_base64": "⟨hunter2⟩", "user": oops',
        '{"password": ⟨12345⟩, oops',
        '{"password": "⟨secret⟩"}',
        "map[password:⟨hunter2⟩ user:bob]",
        'spec.password: Invalid value: "⟨hunter2⟩": too short',
        "secret: token: ⟨abc1⟩",
        "curl --api-key ⟨abc⟩ --user bob",
        "run --db-password ⟨hunter2⟩",
        "run --db-password=⟨hunter2⟩",
        "<password>⟨hunter2⟩</password>",
        "ALTER USER bob PASSWORD '⟨hunter2⟩'",
        "CREATE USER bob IDENTIFIED BY '⟨hunter2⟩'",
        "postgres://bob:⟨hunter2⟩@db:5432/x?y=1",
        "postgres://bob:⟨hun/t@er2⟩@db:5432/x",
        "redis://:⟨hunter2⟩@cache/0",
        "bob:⟨hunter2⟩@tcp(10.0.0.1:3306)/db",
        "GET https://h/x?access_token=⟨abc⟩&user=1",
        "GET https://h/x?user=1&api_key=⟨abc⟩",
        "GET https://h/x?X-Amz-Signature=⟨0123abc⟩&a=b",
        "GET https://h/x?sv=1&sig=⟨ab%2Bc⟩&a=b",
        "Cookie: ⟨sid=abc; theme=dark⟩",
        "Set-Cookie: ⟨sid=abc; Path=/; HttpOnly⟩\nServer: x",
        "sent Bearer ⟨abc123def⟩ to it",
        "sent Bearer ⟨RFCaX6MuZraDb8Ry⟩ to it",
        f"sent Basic ⟨{PAIR}⟩ to it",
        "https://hooks.slack.com/services/⟨T0/B0/abc⟩",
        "https://discord.com/api/webhooks/123/⟨abc-1⟩",
        "curl -u bob:⟨hunter2⟩ https://h/x",
        "curl --user 'bob:⟨hunter2⟩' https://h/x",
        "machine h login bob password ⟨hunter2⟩",
    ],
)
def test_e3_only_the_credential_part_goes(text: str) -> None:
    before, rest = text.split("⟨")
    _, after = rest.split("⟩")
    shown = redact_text(text.replace("⟨", "").replace("⟩", ""))
    assert shown == before + REDACTED + after
    assert redact_text(shown) == shown


BODY = "\n".join([_run_of(64)] * 30 + ["aB3=="])
END = "-----END RSA PRIVATE" + " KEY-----"
BEGIN = "-----BEGIN PRIVATE" + " KEY-----"


def _each_line(prefix: str) -> str:
    return "\n".join(prefix + line for line in f"{BODY}\n{END}".splitlines())


@pytest.mark.parametrize(
    "text",
    [
        # ⟨…⟩ marks the part that must go
        pytest.param(f"⟨{BODY}\n{END}⟩\ndone", id="the end of a key"),
        pytest.param(f"it was:\n⟨{BODY}\n\n{END}⟩", id="after what can be no line of a key"),
        pytest.param(f"it was:\r\n⟨{BODY}\n{END}⟩".replace("\n", "\r\n"), id="of Windows"),
        pytest.param(f"  ⟨{_each_line('  ').strip()}⟩", id="indented"),
        pytest.param("12:⟨" + _each_line("12:")[3:] + "⟩", id="each line has its number"),
        pytest.param("[a/b]: ⟨" + _each_line("[a/b]: ")[7:] + "⟩", id="each line has a prefix"),
        pytest.param("⟨" + _each_line("undo ") + "⟩", id="each line has a word before it"),
        pytest.param(
            '{"n": 1, "it": "⟨' + f"{BODY}\n{END}".replace("\n", "\\n") + '⟩", "m": 2',
            id="in a string of JSON",
        ),
        pytest.param(
            f"⟨{_each_line('  ')}⟩".replace("⟨  ", "⟨").replace("\n  ", "', '"),
            id="a list of lines",
        ),
        pytest.param(f"it was: ⟨{BODY} {END}⟩".replace("\n", " "), id="on one line"),
        pytest.param(f"⟨{END}⟩ was all", id="nothing but its end"),
        pytest.param(f"⟨{BEGIN}\n{BODY}⟩", id="the beginning of a key"),
        pytest.param(f'"⟨{BEGIN}\n{BODY}⟩" is no key', id="the beginning, in quotes"),
        pytest.param(
            "['⟨" + f"{BEGIN}\n{BODY}⟩".replace("\n", "', '"), id="the beginning of a list of lines"
        ),
        pytest.param(
            '"⟨' + f"{BEGIN}\n{BODY}".replace("\n", '\\n" +\n  "') + '⟩", "next"',
            id="the beginning, as source text has it",
        ),
        pytest.param(f'there is no "⟨{BEGIN}⟩" in the file', id="nothing but its beginning"),
    ],
)
def test_e3_what_a_cut_has_left_of_a_key_goes(text: str) -> None:
    before, rest = text.split("⟨")
    gone, after = rest.split("⟩")
    shown = redact_text(before + gone + after)
    assert shown == before + REDACTED + after
    assert redact_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        REDACTED,
        "Restarted 3 pods of deployment web in 12.5 s.",
        "550e8400-e29b-41d4-a716-446655440000",
        "sha256:" + "9f86d081884c7d65" * 4,
        "commit 356a192b7913b04c54574d18c28d46e6395428ab",
        "registry.example.com/team/app:1.2.3@sha256:" + "0a" * 32,
        "docker-pullable://nginx:1.25@sha256:" + "0a" * 32,
        "registry.example.com/secret:1.2.3",
        "2026-01-31T09:00:00Z",
        "http://host:8080/path/user@example.com",
        "ssh://git@host:org/repo@v1",
        "https://example.com/a?page=2&sort=key&code=404",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:MyDb-AbCdEf",
        "system:serviceaccount:default:token-controller",
        "eyJ is how a JWT begins",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "MIIB\n-----END CERTIFICATE-----",
        "the line END PRIVATE KEY is missing",
        "sk-learn is a library, task-force is not a key",
        "Unexpected token: }",
        "unexpected token: foo",
        "invalid token: expired",
        "the secret: be kind",
        "error reading token: unexpected EOF",
        'failed to get token: Get "https://idp.example.com/x": dial tcp 10.0.0.1:443',
        "failed to fetch token: 403",
        "could not refresh token: invalid_grant",
        "no such secret: db-credentials",
        'secrets "api-token" is forbidden: User "bob" cannot get resource "secrets"',
        "stat /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
        "spec.password: Required value",
        "password: must be at least 8 characters",
        "password: minimum length is 8",
        "def login(user: str, password: str) -> None",
        "automountServiceAccountToken=false",
        "max_tokens=4096",
        '{"total_tokens": 532, "prompt_tokens": 500}',
        "token_type: bearer, tokenizer=bert, secretName: db",
        "password=${DB_PASSWORD} token=$TOKEN secret=******",
        "use --token to authenticate",
        "Bearer authentication is required; basic understanding suffices",
        "Bearer RFC6750",
        "cookie: you must accept it",
        "PWD=/home/bob OLDPWD=/tmp",
        "docker run --user 1000:1000 -u $USER:$GROUP nginx",
        "the login form has a password field",
        "[INFO] {a: 1} [1, 2] {}",
    ],
)
def test_e3_what_is_no_credential_stays(text: str) -> None:
    assert redact_text(text) == text
    assert redact({"reason": [text]}) == {"reason": [text]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            '{"tokens": ["a", ["b"]], "n": 1.50}',
            '{"tokens": "[redacted]", "n": 1.5}',
            id="the value of a secret key, whatever it is",
        ),
        pytest.param(
            'HTTP 400: {"pin_secret":12345,"total_tokens":532} and {"x": 1}',
            'HTTP 400: {"pin_secret":"[redacted]","total_tokens":532} and {"x": 1}',
            id="in a sentence; numbers of tokens are no tokens",
        ),
        pytest.param(
            '[{"name": "DB_PASSWORD", "value": "hunter2"}]\n{\n  "ü": {\n    "apikey": 1\n  }\n}',
            '[{"name": "DB_PASSWORD", "value": "[redacted]"}]\n'
            '{\n  "ü": {\n    "apikey": "[redacted]"\n  }\n}',
            id="several, each in its layout",
        ),
        pytest.param(
            '{"body":"{\\"password\\":[1,{\\"a\\":2}],\\"n\\":1}"}',
            '{"body":"{\\"password\\":\\"[redacted]\\",\\"n\\":1}"}',
            id="in a string of JSON",
        ),
        pytest.param(
            '{"kept": 1, "token": "hunter2", "kept": 2}',
            '{"kept": 1, "token": "[redacted]", "kept": 2}',
            id="with a key that stands there twice",
        ),
    ],
)
def test_e1_json_in_a_text_is_judged_as_json(text: str, shown: str) -> None:
    assert redact_text(text) == shown
    assert redact_text(shown) == shown


def test_many_credentials_of_many_kinds_leave_the_prose_between_them() -> None:
    line = f"user bob, password=hunter2, sent Bearer {JWT}, postgres://bob:hunter2@db said no.\n"
    shown = "user bob, password=[redacted], sent Bearer [redacted], postgres://bob:[redacted]@db"
    assert redact_text(line * 200) == f"{shown} said no.\n" * 200


def test_a_text_that_never_comes_to_rest_goes_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a text made on purpose could show what only one round more would have hidden."""
    monkeypatch.setattr("amends.core.records.credentials._PASSES", 1)
    assert redact_text("x token=abc123") == REDACTED
    assert redact_text("nothing here") == "nothing here"
