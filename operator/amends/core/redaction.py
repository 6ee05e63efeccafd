"""Redaction: what leaves a payload or an error text before anybody may read it.

Two questions are asked. Of a key: does its name say that the value is secret? Then the value goes,
whatever it is. Of a text, wherever it stands: does a part of it look like a credential? Then that
part goes and the rest stays.

Keys are judged generously, texts precisely: evidence is read by people, and a uuid, a digest, a
commit or the words "unexpected token: foo" must survive. Texts come from tenants, so each pattern
takes time linear in the text: no two unbounded repeats overlap, and each begins at something that
its own repeats cannot contain or is consumed once matched.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

REDACTED = "[redacted]"

_PASSES = 6
"""One redaction may uncover another. More rounds than this need a text made on purpose."""

_SECRET_KEY = re.compile(
    r"token|secret|password|authorization|api[-_. ]?key|private[-_. ]?key"
    r"|^(?:passwd|passphrase|(?:set-)?cookie2?)$",
    re.IGNORECASE,
)
_NAME = re.compile(r"[\w.-]+")


def redact(value: Any) -> Any:
    """A copy of the JSON value without its secrets; redacting the copy again changes nothing.

    It walks with a list of its own instead of recursion: a payload may be nested deeper than the
    interpreter's stack.
    """
    todo: list[tuple[Any, Any]] = []
    copy = _begin(value, todo)
    while todo:
        source, target = todo.pop()
        if isinstance(source, Mapping):
            _fill(source, target, todo)
        else:
            target.extend(_begin(item, todo) for item in source)
    return copy


def redact_text(text: str) -> str:
    """The text with every part that looks like a credential replaced by `[redacted]`."""
    for _ in range(_PASSES):
        before, folded = text, text.casefold()
        for rule in _RULES:
            if any(needle in folded for needle in rule.needles):
                text = rule.apply(text)
        if text == before:
            return text
    return REDACTED


def _begin(value: Any, todo: list[tuple[Any, Any]]) -> Any:
    copy: Any
    match value:
        case str():
            return redact_text(value)
        case Mapping():
            copy = {}
        case list() | tuple():
            copy = []
        case _:
            return value
    todo.append((value, copy))
    return copy


def _fill(source: Mapping[Any, Any], target: dict[Any, Any], todo: list[tuple[Any, Any]]) -> None:
    shown = {key: redact_text(key) if isinstance(key, str) else key for key in source}
    taken = {key for key in source if shown[key] == key}
    by_context = _secret_by_context(source)
    number = 1
    for key, value in source.items():
        name = shown[key]
        if name != key:
            while name in taken:
                number += 1
                name = f"{REDACTED} {number}"
            taken.add(name)
        secret = key in by_context or (isinstance(key, str) and _SECRET_KEY.search(key))
        target[name] = REDACTED if secret else _begin(value, todo)


def _secret_by_context(source: Mapping[Any, Any]) -> frozenset[str]:
    """Keys that their neighbours give away: `{name: DB_PASSWORD, value: …}`, a Secret's data."""
    if source.get("kind") == "Secret":
        return frozenset({"data", "stringData"})
    for label in ("name", "key", "Name", "Key"):
        name = source.get(label)
        if isinstance(name, str) and _NAME.fullmatch(name) and _SECRET_KEY.search(name):
            return frozenset({"value", "Value"})
    return frozenset()


# ------------------------------------------------------------------------------------ assignments

_WORDS = (
    r"(?:tokens?|secrets?|passwords?|passwd|passphrases?|pwd|authorization"
    r"|(?:api|private)[-_ ]?keys?"
    r"|(?:access|account|sharedaccess|encryption|signing|master)[-_]?key)"
    r"(?:[-_.]?(?:access[-_.]?key|key|value|data|hash))?\d{0,3}"
)
_BLANK = r"[^\S\r\n]"
_BARE = (
    r"(?P<bare>(?!b?\\*+[\"'`]?\[redacted\]|[\w.-]{1,64}=[^=\s])[^\s&;,\"'`<>\\]"
    r"(?:[^\s&;,\"'`<>\\]"
    r"|[&;,](?![\s&;,]|\Z|[\w.%\[\]-]{1,64}=|[\"'`\\])"  # a separator only before what is separated
    r"|[\"'`](?=\w)|[<>](?=[^/\s\"'<>])|\\(?![nrt\"'`]))*+)"
)
_ASSIGNMENT = re.compile(
    rf"(?P<name>{_WORDS})(?P<close>\\*+[\"'`]\]?)?{_BLANK}{{0,8}}"
    rf"(?P<sep>:{_BLANK}(?:invalid|unsupported|duplicate) value:|=>|:=|==?|:|%3d){_BLANK}{{0,8}}"
    r"(?:b?(?P<open>\\*+[\"'`])(?!\[redacted\])(?P<quoted>(?:(?!(?<!\\)(?P=open))[^\r\n])*+)"
    r"|(?:digest|aws4-[\w-]{1,40}|signature|oauth|hawk|hmac[\w-]{0,20}|sharedkey(?:lite)?)"
    rf"{_BLANK}++(?P<params>[\w-]{{1,40}}=[^\r\n]++)"
    r"|(?P<group>(?(close)(?:\[(?!redacted\]|\s*\])[^\[\]]*+\]"
    r"|\{(?!\s*\})[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\})|(?!)))"
    r"|(?:(?:bearer|basic|token|apikey|negotiate|ntlm|(?<=authorization: )[a-z][\w-]{1,30}+)"
    rf"{_BLANK}++)?{_BARE})",
    re.IGNORECASE,
)
_FLAG = re.compile(
    rf"(?<![\w-])--(?:[a-z0-9]{{1,20}}[-_]){{0,3}}[a-z0-9]{{0,20}}?{_WORDS}{_BLANK}{{1,4}}(?!-)"
    + _BARE.replace("bare", "secret", 1),
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"(?:[A-Z]?[a-z]+(?:[A-Z][a-z]{2,})*|[A-Z]+)(?:[-_./ ]+(?:[A-Z]?[a-z]+|[A-Z]+))*"
)
_PLACEHOLDER = re.compile(
    r"\$\{.*\}|\$\(.*|\$[A-Z_]+|\{\{.*|%\(?\w+\)?s?|\*+|[.…]+|<[^<>]*>|[xX]{3,}"
)
_PROSE = (
    "a an and any are argument auth authentication authorization basic bearer bool boolean bytes "
    "cannot changed could created deleted denied disabled does duplicate empty enabled eof error "
    "expected expired failed failure false field flag for forbidden found has hidden in "
    "incorrect int invalid is key malformed masked mismatch missing must nil no none not null "
    "number object of option optional or parameter password permission redacted rejected "
    "required reset revoked rotated scheme secret should str string the timeout to token too "
    "true unauthorized undefined unexpected unknown unset unsupported updated valid value was "
    "with wrong yes"
)
_NO_SECRET = frozenset(_PROSE.split())
_COUNT = re.compile(r"[\d.,_/%]+[kKmM]?")
_AFTER_A_WORD = re.compile(r"[A-Za-z] [\w.-]*\Z")
_PROSE_FOLLOWS = re.compile(rf"{_BLANK}[A-Za-z]")
_SHORT = 80
"""Only values up to this length are ever spared, which bounds the work of looking at them again."""


def _assignments(text: str) -> str:
    """`password=…`, `"token": "…"`, `Authorization: Bearer …`, `?access_token=…`."""
    parts: list[str] = []
    done = at = 0
    while found := _ASSIGNMENT.search(text, at):
        start, end = _secret_span(found)
        if start == end:
            at = found.end("sep")
        else:
            parts += text[done:start], REDACTED
            done = at = end
    return "".join([*parts, text[done:]]) if parts else text


def _secret_span(found: re.Match[str]) -> tuple[int, int]:
    """Where in the text the credential stands; nowhere if the assignment is only prose."""
    kind = found.lastgroup or ""
    start, end = found.span(kind)
    if kind in ("params", "group") or end - start > _SHORT:
        return start, end
    value = found[kind]
    if kind == "bare" and not _PLACEHOLDER.fullmatch(value):
        value = value.rstrip(".,;:!?)]}>")
        end = start + len(value)
    return (start, start) if _is_harmless(found, value, end) else (start, end)


def _is_harmless(found: re.Match[str], value: str, end: int) -> bool:
    word, name = value.strip().lower(), found["name"].lower()
    if word in ("password", "secret") and (found["quoted"] or found["sep"] == "="):
        return False  # a bad choice, but a choice
    if not word or word in _NO_SECRET or _PLACEHOLDER.fullmatch(value):
        return True
    if name == "authorization" and found.string.startswith(f" {REDACTED}", end):
        return True  # the scheme of what is gone already
    if name.startswith("pwd"):
        return value[0] in "/~."
    a_password = "pass" in name or "key" in name
    if not a_password and ("://" in value or (name.endswith("s") and _COUNT.fullmatch(value))):
        return True
    if found["close"] or found["sep"] != ":":
        return False
    before = found.string[max(0, found.start() - 48) : found.start()]
    if not a_password and (before.endswith((":", "/")) or (len(word) < 6 and word.isdigit())):
        return True
    if not _PLAIN.fullmatch(value):
        return False
    if a_password:
        return not found["quoted"] and _PROSE_FOLLOWS.match(found.string, end) is not None
    return bool(_PROSE_FOLLOWS.match(found.string, end) or _AFTER_A_WORD.search(before))


# ------------------------------------------------------------------------------------------ rules


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
    spared = value.lower() in _NO_SECRET or _PLACEHOLDER.fullmatch(value)
    return found[0] if spared else _cut(found)


def _bearer(found: re.Match[str]) -> str:
    spared = len(found["secret"]) <= _SHORT and _PLAIN.fullmatch(found["secret"].strip("-./="))
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
_PEM = r"-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----"
_RULES = (
    _rule(
        "private key",
        rf"(?P<secret>{_PEM}(?:[^-]*+(?:-(?!----)[^-]*+)*+-----END [A-Z0-9 ]{{0,60}}+-----"
        r"|[^-\"']*+(?:-(?!----)[^-\"']*+)*+))",
    ),
    _rule(
        "cookie",
        r"(?i)cookie2?(?:\\*[\"'])?[^\S\r\n]{0,8}[:=][^\S\r\n]{0,8}(?:\\*[\"'])?"
        r"(?P<secret>[\w.$!%*+-]{1,256}+=(?:\"[^\"\r\n]*+\"|[^\s;,\"'\\])*+"
        r"(?:[;,][^\S\r\n]?[\w.$!%*+-]++(?:=(?:\"[^\"\r\n]*+\"|[^\s;,\"'\\])*+)?)*+)",
    ),
    _Rule(("token", "secret", "pass", "pwd", "authorization", "key"), _assignments),
    _Rule(("--",), lambda text: _FLAG.sub(_spare_words, text)),
    _rule("</", rf"(?i)>(?P<secret>(?!\[redacted\])[^<>\r\n]++)</[\w:.-]{{0,40}}?{_WORDS}>"),
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
        r"(?P<secret>[^\s&#\"'<>]++)",
    ),
    _rule("bearer", r"(?i)(?<![a-z0-9])bearer\s+(?!rfc)(?P<secret>[\w.~+/=-]{6,}+)", _bearer),
    _rule("basic", r"(?i)(?<![a-z0-9])basic\s+(?P<secret>[a-z0-9+/_-]{8,}+={0,2})", _basic),
    _rule("eyj", rf"{_START}(?P<secret>eyJ[\w-]{{8,}}+\.[\w-]{{8,}}+(?:\.[\w-]*+){{0,3}})"),
    _rule("hooks.slack.com", r"hooks\.slack\.com/[a-z]+/(?P<secret>[\w/+-]++)"),
    _Rule(("",), lambda text: _KNOWN.sub(_cut, text)),
)
