"""Redaction of payloads: which keys lose their value, and that everything else stays as it is.

Whatever looks like a real credential is put together at run time, so that no scanner of
repositories takes this file for a leak.
"""

import copy
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from amends.core.records.redaction import REDACTED, redact, redact_text

HIDDEN = "hunt" + "er2"
JWT = ".".join([*(urlsafe_b64encode(b'{"alg":"RS256"}').decode(),) * 2, "aB3dE6gH9jK2" * 4])


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
            {"args": ["--password", HIDDEN, "--user", "bob", "--token-file", "/run/x"]},
            {"args": ["--password", REDACTED, "--user", "bob", "--token-file", "/run/x"]},
            id="arguments",
        ),
        pytest.param(
            [["Host", "h"], ["X-Api-Key", HIDDEN], ["Reset the password", "now"]],
            [["Host", "h"], ["X-Api-Key", REDACTED], ["Reset the password", "now"]],
            id="headers as pairs",
        ),
        pytest.param(
            {"resources": ["secrets", "pods"], "verbs": [["secrets", "pods"], "get"]},
            {"resources": ["secrets", "pods"], "verbs": [["secrets", "pods"], "get"]},
            id="lists that are no pairs",
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
    payload: dict[str, Any] = {
        "z": [1, 1.5, True, None, "", [], {}],
        "a": {"é": -0.0},
        "token": "x",
    }
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
        "-----END PRIVATE" + " KEY-----",
        "a b\n-----END PRIVATE" + " KEY-----",
        "-----BEGIN PRIVATE" + ' KEY-----"aaaaaaaaaaaaaaaa" ',
        "aaaa\n",
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
        "[",
        '{"a":',
        '["',
        '["a",',
        '{"token":[',
        '[1,[2]],{"a":"b"},',
        '"secret": {"a": "b", ',
        "-u a:",
        "1//0",
        "machine a login b password ",
        "12345678:AA",
    ],
)
def test_a_hostile_mebibyte_takes_linear_time(unit: str) -> None:
    """Quadratic work would take hours here; the limit leaves room for a slow, busy machine."""
    hostile = (unit * (MIB // len(unit) + 1))[:MIB] + EVERY_RULE
    started = time.perf_counter()
    redact_text(hostile)
    assert time.perf_counter() - started < 60
