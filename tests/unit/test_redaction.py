"""Redaction, row by row: what must go, what must stay, and how long it may take.

Whatever looks like a real credential is put together at run time, so that no scanner of
repositories takes this file for a leak.
"""

import copy
import json
import time
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from amends.core.redaction import REDACTED, redact, redact_text

HIDDEN = "hunt" + "er2"


def _b64url(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _run_of(length: int, alphabet: str = "aB3dE6gH9jK2mN5pQ8") -> str:
    return (alphabet * length)[:length]


JWT = ".".join([_b64url({"alg": "RS256"}), _b64url({"sub": "someone", "exp": 1}), _run_of(43)])
PAIR = b64encode(b"bob:" + HIDDEN.encode()).decode()


def _pem(kind: str, newline: str = "\n") -> str:
    body = newline.join([_run_of(64)] * 3)
    return f"-----BEGIN {kind}-----{newline}{body}{newline}-----END {kind}-----"


# ------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "access_token",
        "tokenizer",
        "Secret",
        "client-secret",
        "secretName",
        "PASSWORD",
        "passwordless",
        "db.password",
        "Authorization",
        "Proxy-Authorization",
        "api_key",
        "api-key",
        "API-Key",
        "apikey",
        "apiKey",
        "X-API-KEY",
        "private_key",
        "private-key",
        "privateKey",
        "passwd",
        "passphrase",
        "Cookie",
        "Set-Cookie",
    ],
)
@pytest.mark.parametrize(
    "value",
    [HIDDEN, "", 7, 1.5, True, None, [HIDDEN], {"a": HIDDEN}, [], {}],
    ids=["text", "empty", "int", "float", "bool", "null", "list", "object", "no-list", "no-object"],
)
def test_e1_the_value_of_a_secret_key_is_redacted_whatever_it_is(key: str, value: Any) -> None:
    payload = {"kept": 1, "list": [[{key: value}]], key: value}
    assert redact(payload) == {"kept": 1, "list": [[{key: REDACTED}]], key: REDACTED}


@pytest.mark.parametrize(
    "key",
    ["name", "pass_rate", "key", "keys", "public_key", "author", "api", "tok", "passing", "user"],
)
def test_e1_other_keys_keep_their_values(key: str) -> None:
    assert redact({key: "a value", "nested": {key: 3}}) == {key: "a value", "nested": {key: 3}}


def test_e3_keys_that_are_credentials_go_and_no_entry_is_lost() -> None:
    other = JWT[:-1] + "x"
    copied = redact({JWT: 1, "kept": 2, other: 3, "[redacted] 2": 4})
    assert copied == {REDACTED: 1, "kept": 2, "[redacted] 3": 3, "[redacted] 2": 4}
    assert list(copied) == [REDACTED, "kept", "[redacted] 3", "[redacted] 2"]
    assert redact(copied) == copied


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(
            {"name": "DB_PASSWORD", "value": HIDDEN},
            {"name": "DB_PASSWORD", "value": REDACTED},
            id="an environment variable",
        ),
        pytest.param(
            {"Key": "api-key", "Value": HIDDEN},
            {"Key": "api-key", "Value": REDACTED},
            id="a tag",
        ),
        pytest.param(
            {"kind": "Secret", "metadata": {"name": "db"}, "data": {"user": "Ym9i"}},
            {"kind": "Secret", "metadata": {"name": "db"}, "data": REDACTED},
            id="the manifest of a Secret",
        ),
        pytest.param(
            {"name": "Reset the password", "value": 3},
            {"name": "Reset the password", "value": 3},
            id="a name that is a sentence",
        ),
        pytest.param(
            {"kind": "ConfigMap", "data": {"user": "bob"}},
            {"kind": "ConfigMap", "data": {"user": "bob"}},
            id="the manifest of a ConfigMap",
        ),
    ],
)
def test_e3_neighbours_give_a_secret_away(payload: Any, expected: Any) -> None:
    assert redact(payload) == expected


def test_the_copy_keeps_types_and_order_and_the_original_is_untouched() -> None:
    payload = {"z": [1, 1.5, True, None, "", [], {}], "a": {"é": -0.0}, "token": "x"}
    original = copy.deepcopy(payload)
    copied = redact(payload)
    assert payload == original
    assert json.dumps(copied) == json.dumps(payload | {"token": REDACTED})


def test_a_payload_may_be_nested_deeper_than_the_stack() -> None:
    payload: Any = {"token": HIDDEN}
    for _ in range(20_000):
        payload = [payload]
    copied = redact(payload)
    for _ in range(20_000):
        (copied,) = copied
    assert copied == {"token": REDACTED}


# ------------------------------------------------------------------------------------------ texts


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
        '{"tokens": ⟨["a", "b"]⟩, "n": 1}',
        '{"secret": ⟨{"a": {"b": "c"}}⟩, "n": 1}',
        '{"password": ⟨12345⟩}',
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
        "GET https://h/x?user=1&api_key=⟨abc⟩#top",
        "GET https://h/x?X-Amz-Signature=⟨0123abc⟩&a=b",
        "GET https://h/x?sv=1&sig=⟨ab%2Bc⟩&a=b",
        "Cookie: ⟨sid=abc; theme=dark⟩",
        "Set-Cookie: ⟨sid=abc; Path=/; HttpOnly⟩\nServer: x",
        "sent Bearer ⟨abc123def⟩ to it",
        f"sent Basic ⟨{PAIR}⟩ to it",
        "https://hooks.slack.com/services/⟨T0/B0/abc⟩",
    ],
)
def test_e3_only_the_credential_part_goes(text: str) -> None:
    before, rest = text.split("⟨")
    _, after = rest.split("⟩")
    shown = redact_text(text.replace("⟨", "").replace("⟩", ""))
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
    ],
)
def test_e3_what_is_no_credential_stays(text: str) -> None:
    assert redact_text(text) == text
    assert redact({"reason": [text]}) == {"reason": [text]}


# ------------------------------------------------------------------------------------------- work

MIB = 1 << 20
EVERY_RULE = (
    " cookie: bearer basic private key --- eyj :// ghp_ secret </ identified sig key= code= @tcp( "
    "password hooks.slack.com"
)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "-",
        '\\"',
        "token",
        "token: ",
        "token: {",
        '"token":[',
        '"token":{{}',
        "token:http://token:",
        "password=",
        "password=,a",
        'password="',
        'password=\\"',
        "authorization: a ",
        "-----BEGIN PRIVATE" + " KEY-----",
        "eyJ",
        "eyJaaaaaaaa.",
        "://a:",
        "://a:b@",
        "--a-a-a-token ",
        "cookie: a=b; c=",
        "bearer ",
        "Basic aaaaaaaaaaaa ",
        "sk-",
        "sk-ant-",
        "xoxb-",
        "&signature",
        "<password>a",
        "password '",
    ],
)
def test_a_hostile_mebibyte_takes_linear_time(unit: str) -> None:
    """Quadratic work would take hours here; the limit leaves room for a slow, busy machine."""
    hostile = (unit * (MIB // len(unit) + 1))[:MIB] + EVERY_RULE
    started = time.perf_counter()
    redact_text(hostile)
    assert time.perf_counter() - started < 10
