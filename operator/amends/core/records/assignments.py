"""Assignments in texts: a name that says what follows is secret, and where that begins and ends.

`password=…`, `"token": "…"`, `Authorization: Bearer …`, `?access_token=…`, `--api-key …`: the value
goes and everything around it stays. What is only prose ("unexpected token: foo") stays as well.
"""

import re

REDACTED = "[redacted]"

WORDS = (
    r"(?:tokens?|secrets?|passwords?|passwd|passphrases?|pwd|authorization"
    r"|(?:api|private)[-_. ]?keys?"
    r"|(?:access|account|sharedaccess|encryption|signing|master)[-_]?key)"
    r"(?:[-_.]?(?:access[-_.]?key|key|value|data|hash))?\d{0,3}"
)
BLANK = r"[^\S\r\n]"
_BARE = (
    r"(?P<bare>(?!b?\\*+[\"'`]?\[redacted\]|[\w.-]{1,64}=[^=\s])[^\s&;,\"'`<>\\]"
    r"(?:[^\s&;,\"'`<>\\]"
    r"|[&;,](?![\s&;,]|\Z|[\w.%\[\]-]{1,64}=|[\"'`\\])"  # a separator only before what is separated
    r"|[\"'`](?=\w)|[<>](?=[^/\s\"'<>])|\\(?![nrt\"'`]))*+)"
)
_ASSIGNMENT = re.compile(
    rf"(?P<name>{WORDS})(?:[\w.-]{{1,48}}+(?=\\*+[\"'`]\]?{BLANK}{{0,8}}:))?"
    rf"(?P<close>\\*+[\"'`]\]?)?{BLANK}{{0,8}}"
    rf"(?P<sep>:{BLANK}(?:invalid|unsupported|duplicate) value:|=>|:=|==?|:|%3d){BLANK}{{0,8}}"
    r"(?:b?(?P<open>\\*+[\"'`])(?!\[redacted\])(?P<quoted>(?:(?!(?<!\\)(?P=open))[^\r\n])*+)"
    r"|(?:digest|aws4-[\w-]{1,40}|signature|oauth|hawk|hmac[\w-]{0,20}|sharedkey(?:lite)?)"
    rf"{BLANK}++(?P<params>[\w-]{{1,40}}=[^\r\n]++)"
    r"|(?P<group>(?(close)(?:\[(?!redacted\]|\s*\])|\{(?!\s*\}))|(?!)))"
    r"|(?:(?:bearer|basic|token|apikey|negotiate|ntlm|(?<=authorization: )[a-z][\w-]{1,30}+)"
    rf"{BLANK}++)?{_BARE})",
    re.IGNORECASE,
)
FLAG = re.compile(
    rf"(?<![\w-])--(?:[a-z0-9]{{1,20}}[-_]){{0,3}}[a-z0-9]{{0,20}}?{WORDS}{BLANK}{{1,4}}(?!-)"
    + _BARE.replace("bare", "secret", 1),
    re.IGNORECASE,
)
PLAIN = re.compile(
    r"(?:[A-Z]?[a-z]+(?:[A-Z][a-z]{2,})*|[A-Z]+)(?:[-_./ ]+(?:[A-Z]?[a-z]+|[A-Z]+))*"
)
PLACEHOLDER = re.compile(
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
NO_SECRET = frozenset(_PROSE.split())
_MARK = re.compile(r"[\[\]{}]|\\*+[\"'`]")
_COUNT = re.compile(r"[\d.,_/%]+[kKmM]?")
_AFTER_A_WORD = re.compile(r"[A-Za-z] [\w.-]*\Z")
_PROSE_FOLLOWS = re.compile(rf"{BLANK}[A-Za-z]")
SHORT = 80
"""Only values up to this length are ever spared, which bounds the work of looking at them again."""


def cut_assignments(text: str) -> str:
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
    if kind == "group":
        return start, _closing(found.string, start, found["close"].rstrip("]"))
    if kind == "params" or end - start > SHORT:
        return start, end
    value = found[kind]
    if kind == "bare" and not PLACEHOLDER.fullmatch(value):
        value = value.rstrip(".,;:!?)]}>")
        end = start + len(value)
    return (start, start) if _is_harmless(found, value, end) else (start, end)


def _closing(text: str, start: int, quote: str) -> int:
    """Where the list or object that starts here ends; at the end of the text if it was cut off."""
    depth, quoted = 0, False
    for found in _MARK.finditer(text, start):
        mark = found[0]
        if mark == quote:
            quoted = not quoted
        elif not quoted and mark in "[]{}":
            depth += 1 if mark in "[{" else -1
            if depth == 0:
                return found.end()
    return len(text)


def _is_harmless(found: re.Match[str], value: str, end: int) -> bool:
    word, name = value.strip().lower(), found["name"].lower()
    if word in ("password", "secret") and (found["quoted"] or found["sep"] == "="):
        return False  # a bad choice, but a choice
    if not word or word in NO_SECRET or PLACEHOLDER.fullmatch(value):
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
    if not PLAIN.fullmatch(value):
        return False
    if a_password:
        return not found["quoted"] and _PROSE_FOLLOWS.match(found.string, end) is not None
    return bool(_PROSE_FOLLOWS.match(found.string, end) or _AFTER_A_WORD.search(before))
