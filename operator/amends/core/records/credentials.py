"""Credentials in texts: keys, grants, URLs and headers that give themselves away by their looks.

Texts come from tenants, so each pattern takes time linear in the text: no two unbounded repeats
overlap, and each begins at something that its own repeats cannot contain or is consumed once
matched.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from typing import NamedTuple

from amends.core.records.assignments import (
    FLAG,
    NO_SECRET,
    PLACEHOLDER,
    PLAIN,
    REDACTED,
    SHORT,
    WORDS,
    cut_assignments,
)
from amends.core.records.keys import cut_keys

_PASSES = 6
"""One redaction may uncover another. More rounds than this need a text made on purpose."""

_WORD = re.compile(r"[\w.-]{0,14}")
"""No credential is that short; most keys and many values are."""


def cut_credentials(text: str) -> str:
    """The text with every part that looks like a credential replaced by `[redacted]`."""
    if _WORD.fullmatch(text):
        return text
    for _ in range(_PASSES):
        before, folded = text, text.casefold()
        for rule in _RULES:
            for needle in rule.needles:
                if needle in folded:
                    text = rule.apply(text)
                    break
        if text == before:
            return text
    return REDACTED


class _Rule(NamedTuple):
    """A way to find credentials in a text that contains one of the needles (in lower case)."""

    needles: tuple[str, ...]
    apply: Callable[[str], str]


def _cut(found: re.Match[str]) -> str:
    (start, end), (first, last) = found.span(), found.span("secret")
    return f"{found.string[start:first]}{REDACTED}{found.string[last:end]}"


def _rule(needles: str, pattern: str, by: Callable[[re.Match[str]], str] = _cut) -> _Rule:
    compiled = re.compile(pattern)
    return _Rule(tuple(needles.split(",")), lambda text: compiled.sub(by, text))


def _spare_words(found: re.Match[str]) -> str:
    value = found["secret"]
    spared = value.lower() in NO_SECRET or PLACEHOLDER.fullmatch(value)
    return found[0] if spared else _cut(found)


def _spare_ids(found: re.Match[str]) -> str:
    """`--user 1000:1000` names a user and a group."""
    spared = found["secret"].isdigit() or PLACEHOLDER.fullmatch(found["secret"])
    return found[0] if spared or found["secret"] == REDACTED else _cut(found)


def _bearer(found: re.Match[str]) -> str:
    spared = len(found["secret"]) <= SHORT and PLAIN.fullmatch(found["secret"].strip("-./="))
    return found[0] if spared else _cut(found)


def _basic(found: re.Match[str]) -> str:
    """Only what decodes to `user:password` is one: "basic understanding" does not."""
    coded = found["secret"].rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        pair = b64decode(coded + "=" * (-len(coded) % 4)).decode()
    except ValueError:
        return found[0]
    return _cut(found) if ":" in pair and pair.isprintable() else found[0]


_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_KNOWN = re.compile(
    rf"{_START}(?P<secret>"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|gh[opsur]_[A-Za-z0-9]{20,}+|github_pat_\w{20,}+"
    r"|gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|soat)-[\w-]{16,}+(?:\.[\w-]+)*+"
    r"|xox[a-z]-[\w-]{10,}+|xapp-[\w-]{10,}+"
    r"|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}+|whsec_[A-Za-z0-9+/=]{16,}+"
    r"|AIza[\w-]{30,}+|ya29\.[\w.-]{20,}+|GOCSPX-[\w-]{20,}+"
    r"|npm_[A-Za-z0-9]{30,}+|pypi-\w{16}[\w-]*+|dckr_pat_[\w-]{20,}+"
    r"|sk-(?:[a-z]{2,10}\d{0,3}-){0,2}\w{16}[\w-]*+|hf_[A-Za-z0-9]{30,}+"
    r"|hv[bsr]\.[\w-]{20,}+|do[opr]_v1_[a-f0-9]{64}|dapi[a-f0-9]{32}|gl(?:sa|c)_\w{20,}+"
    r"|SG\.[\w-]{16,}+\.[\w-]{16,}+|SK[a-f0-9]{32}(?!\w)|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
    r"|ATATT3[\w=-]{40,}+|lin_api_[A-Za-z0-9]{30,}+|AGE-SECRET-KEY-1[A-Z0-9]{50,}+)"
)
_RULES = (
    _Rule(("private key",), cut_keys),
    _rule(
        "cookie",
        r"(?i)cookie2?(?:\\*[\"'])?[^\S\r\n]{0,8}[:=][^\S\r\n]{0,8}(?:\\*[\"'])?"
        r"(?P<secret>[\w.$!%*+-]{1,256}+=(?:\"[^\"\r\n]*+\"|[^\s;,\"'\\])*+"
        r"(?:[;,][^\S\r\n]?[\w.$!%*+-]++(?:=(?:\"[^\"\r\n]*+\"|[^\s;,\"'\\])*+)?)*+)",
    ),
    _Rule(("token", "secret", "pass", "pwd", "authorization", "key"), cut_assignments),
    _Rule(("--",), lambda text: FLAG.sub(_spare_words, text)),
    _rule("</", rf"(?i)>(?P<secret>(?!\[redacted\])[^<>\r\n]++)</[\w:.-]{{0,40}}?{WORDS}>"),
    _rule("identified,password", r"(?i)(?:identified by|password)\s+'(?P<secret>[^'\r\n]++)'"),
    _rule(
        "://",
        r"://[^\s/?#@:\"'<>]{0,256}+:(?!\d{1,5}(?:[,/?#]|\Z))"
        r"(?P<secret>(?!/|\[redacted\]@)(?:(?!://)[^\s\"'<>@])++(?:@[^\s/?#\"'<>@]++(?=@))*+)@(?!sha\d{3}:)",
    ),
    _rule("@tcp(,@unix(", r":(?P<secret>[^\s@/\"':]++)@(?=(?:tcp|unix)\()"),
    _rule(
        "sig,auth=,pass=,jwt=,key=,code=",
        r"(?i)[?&](?:(?:sig|[a-z-]{0,16}signature|auth|pass|jwt)=|(?:key|code)=(?=[\w.~%/+-]{16}))"
        r"(?P<secret>[^\s&#\"'<>\\]++)",
    ),
    _rule(
        "bearer",
        r"(?i)(?<![a-z0-9])bearer\s+(?!rfc\d{3,5}(?!\w))(?P<secret>[\w.~+/=-]{6,}+)",
        _bearer,
    ),
    _rule("basic", r"(?i)(?<![a-z0-9])basic\s+(?P<secret>[a-z0-9+/_-]{8,}+={0,2})", _basic),
    _rule(
        "machine",
        r"(?i)machine\s+\S{1,253}\s+login\s+\S{1,253}\s+password\s+(?P<secret>[^\s\"'\\]++)",
    ),
    _rule(
        "-u",
        r"(?<![\w-])-(?:-user|u)[ =][\"']?[^\s:\"'/]{1,253}:(?P<secret>[^\s\"']++)",
        _spare_ids,
    ),
    _rule("q~", rf"{_START}(?P<secret>[\w~.-]{{3}}\dQ~[\w~.-]{{31,34}})(?![\w~-])"),
    _rule(":aa", rf"{_START}(?P<secret>\d{{8,10}}:AA[\w-]{{33}})(?![\w-])"),
    _rule("1//0", rf"{_START}(?P<secret>1//0[\w-]{{20,}}+)"),
    _rule("/webhooks/", r"/api/webhooks/\d{1,20}/(?P<secret>[\w-]++)"),
    _rule("eyj", rf"{_START}(?P<secret>eyJ[\w-]{{8,}}+\.[\w-]{{8,}}+(?:\.[\w-]*+){{0,3}})"),
    _rule("hooks.slack.com", r"hooks\.slack\.com/[a-z]+/(?P<secret>[\w/+-]++)"),
    _Rule(("",), lambda text: _KNOWN.sub(_cut, text)),
)
