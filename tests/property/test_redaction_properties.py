"""Whatever the payload: planted secrets go, the rest stays, and twice is as good as once."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amends.core.records.redaction import REDACTED, redact, redact_text

WORDS = (
    *("token", "secret", "password", "authorization", "api_key", "apikey", "private_key"),
    *("api-key", "apiKey", "privateKey", "PRIVATE-KEY"),
)

# The letters of a planted secret occur nowhere else, so that it cannot turn up by accident.
secrets = st.text("ЖЩЮЯ0123456789", min_size=12, max_size=40).map(lambda text: "Ж7Щ" + text)
runs = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=40, max_size=40)

plain_keys = st.text("bdfghijlmnq_-", max_size=8)
plain_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("abcdef ,.\n\"'{}é€😀", max_size=30)
    | st.uuids().map(str)
    | st.binary(min_size=32, max_size=32).map(lambda digest: "sha256:" + digest.hex())
)
hostile_text = st.lists(
    st.sampled_from(
        [
            *WORDS,
            *(":", "=", " ", '"', "'", "\\", "\n", "[", "]", "{", "}", "<", ">", "</", "@", "&"),
            *(
                "://",
                "--",
                "-----",
                "BEGIN ",
                "PRIVATE KEY",
                "END ",
                "eyJ",
                "eyJabcdefgh.",
                "Bearer ",
            ),
            *("Basic ", "cookie", "a=b;", "a", "Xy12", "none", REDACTED, "authorization: Digest "),
        ]
    ),
    max_size=20,
).map("".join)
any_json = st.recursive(
    plain_leaves | st.text() | hostile_text,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | hostile_text | plain_keys, inner, max_size=4)
    ),
    max_leaves=20,
)
plain_json = st.recursive(
    plain_leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_keys, inner, max_size=4),
    max_leaves=20,
)


@st.composite
def secret_keys(draw: st.DrawFn) -> str:
    word = draw(st.sampled_from(WORDS))
    cased = draw(st.sampled_from([word, word.upper(), word.title()]))
    return f"{draw(plain_keys)}{cased}{draw(plain_keys)}"


PLACES: tuple[Callable[[str], str], ...] = (
    lambda secret: f"login failed: password={secret} for bob",
    lambda secret: f"token: {secret}",
    lambda secret: f'{{"api_key": "{secret}"}}',
    lambda secret: f"GET https://h/x?access_token={secret}&page=2",
    lambda secret: f"postgres://bob:{secret}@db/x",
    lambda secret: f"Authorization: Bearer {secret}",
    lambda secret: f"Cookie: sid={secret}; theme=dark",
    lambda secret: f"<secret>{secret}</secret>",
    lambda secret: f"run --password {secret} now",
)


@st.composite
def buried(draw: st.DrawFn, secret: str) -> Any:
    """The secret at a random depth: under a secret-looking key, or inside a text or a key."""
    around: Any = draw(plain_json)
    place = draw(st.sampled_from(PLACES))
    inner: Any = draw(
        st.sampled_from(
            [
                {draw(secret_keys()): draw(st.sampled_from([secret, [secret], {"f": secret}]))},
                place(secret),
                {place(secret): 1, draw(plain_keys): 2},
            ]
        )
    )
    for _ in range(draw(st.integers(0, 6))):
        inner = draw(st.sampled_from([[around, inner], {"d": inner, "h": around}, [inner]]))
    return inner


@given(st.data(), secrets)
def test_planted_secrets_are_gone(data: st.DataObject, secret: str) -> None:
    shown = json.dumps(redact(data.draw(buried(secret))), ensure_ascii=False)
    assert secret not in shown
    assert REDACTED in shown


@given(
    run=runs,
    kind=st.sampled_from(["gh" + "p_", "npm" + "_", "sk-" + "ant-", "glp" + "at-", "xo" + "xb-"]),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_known_credentials_are_gone_from_any_text(
    run: str, kind: str, before: str, after: str
) -> None:
    assert run not in redact_text(f"{before} {kind}{run} {after}")


@st.composite
def keys(draw: st.DrawFn) -> tuple[str, list[str], int, int]:
    """A key in PEM as some program prints it: the text, the lines of its body, and the places in
    it where its BEGIN ends and its END begins."""
    width = draw(st.sampled_from([40, 64, 76]))
    code = b64encode(draw(st.binary(min_size=width, max_size=20 * width))).decode()
    lines = [code[at : at + width] for at in range(0, len(code), width)]
    kind = draw(st.sampled_from(["", "RSA ", "EC ", "OPENSSH "])) + "PRIVATE" + " KEY"
    newline = draw(st.sampled_from(["\n", "\r\n", "\\n", "\n\n"]))
    prefix = draw(st.sampled_from(["", "", "  ", "undo: ", "12:", "> ", "INFO ", "09:00:00Z "]))
    opening, ending = f"{prefix}-----BEGIN {kind}-----{newline}", f"-----END {kind}-----"
    body = "".join(prefix + line + newline for line in lines) + prefix
    return opening + body + ending, lines, len(opening), len(opening + body)


@given(key=keys(), data=st.data(), after=st.sampled_from(["", "\ndone", '"}', "\\n"]))
def test_of_a_key_that_was_cut_anywhere_nothing_is_left(
    key: tuple[str, list[str], int, int], data: st.DataObject, after: str
) -> None:
    text, lines, begun, ending = key
    at = data.draw(st.integers(0, ending))
    beginning_lost = redact_text(text[at:] + after)
    end_lost = redact_text(f"it said {text[: data.draw(st.integers(begun, len(text)))]}")

    assert beginning_lost.endswith(REDACTED + after)
    for shown in (beginning_lost, end_lost):
        assert not any(line[k : k + 12] in shown for line in lines for k in range(len(line) - 11))


@given(key=keys(), before=st.sampled_from(["", "connecting.\n", '{"n": "x", "it": "']))
def test_a_key_without_its_begin_leaves_what_stood_before_it(
    key: tuple[str, list[str], int, int], before: str
) -> None:
    text, _, begun, _ = key
    shown = redact_text(before + text[begun:])
    assert shown.startswith(before)
    assert shown.endswith(REDACTED)
    assert len(shown) <= len(before) + len("09:00:00Z ") + len(REDACTED)


@given(before=hostile_text, after=hostile_text, secret=secrets)
def test_an_assignment_is_found_in_any_surroundings(before: str, after: str, secret: str) -> None:
    assert secret not in redact_text(f"{before}\npassword={secret}\n{after}")


@given(plain_json)
def test_what_is_not_secret_survives(value: Any) -> None:
    shown = redact(value)
    assert shown == value
    assert json.dumps(shown) == json.dumps(value)


@given(any_json)
@example({"Authorization: [redacted]": 1, "Authorization: Bearer abc1": 2})
@example("token: password: token: \"token: 'x1")
def test_twice_is_as_good_as_once(value: Any) -> None:
    once = redact(value)
    assert redact(once) == once


@given(any_json)
def test_any_json_has_a_copy_of_the_same_shape(value: Any) -> None:
    def same_shape(left: Any, right: Any) -> bool:
        if right == REDACTED or isinstance(left, str):
            return isinstance(right, str)
        if isinstance(left, dict):
            pairs = zip(left.values(), right.values(), strict=True)
            return len(left) == len(right) and all(same_shape(*pair) for pair in pairs)
        if isinstance(left, list):
            return all(same_shape(*pair) for pair in zip(left, right, strict=True))
        return bool(left == right)

    assert same_shape(value, redact(value))


@pytest.mark.parametrize("word", WORDS)
@given(value=any_json)
def test_e1_any_value_of_a_secret_key_is_replaced(word: str, value: Any) -> None:
    assert redact([{word: value}]) == [{word: REDACTED}]
