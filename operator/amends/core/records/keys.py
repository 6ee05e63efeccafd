"""Private keys in PEM, whole ones and what a cut has left of one.

Where only the end of a text was kept, a key may have lost its BEGIN; where only the beginning was,
its END. What stands before an END, or after a BEGIN, is as secret as a whole key. Texts come from
tenants, so all of this takes time linear in the text.
"""

import re

from amends.core.records.assignments import REDACTED

_NAME = r"[A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----"
_KEY = re.compile(
    rf"-----BEGIN {_NAME}(?:"
    # Up to any END: which one it is does not matter.
    r"[^-]*+(?:-(?!----)[^-]*+)*+-----END [A-Z0-9 ]{0,60}+-----"
    # Without one: up to the quote that ends the text it stands in, and on while lines of it follow.
    r"|[^-\"']*+(?:-(?!----)[^-\"']*+)*+"
    r"(?:(?:[\s\"',+\\]++[A-Za-z0-9+/]{16,}+={0,2}(?:\\[rn])*+)++"
    r"(?:[\s\"',+\\]++[A-Za-z0-9+/]++={0,2})?+)?+)"
)
_END = re.compile(rf"-----END {_NAME}")
_LINE = re.compile(r"(?:[\r\n]|\\[rn])*+(?P<line>(?:[^\r\n\\]|\\(?![rn]))*+)")
"""As it was written, or as it stands in a string of JSON."""
_CODED = re.compile(r"[A-Za-z0-9+/]+")
_BETWEEN = " \t\f\v=\"',;|(){}<>[]\\"
"""What may stand around a line of a key without being of it."""
_LONG = 16
"""Characters that hardly any word of prose has, and every line of a key but its last."""


def cut_keys(text: str) -> str:
    """The text with every private key, and every part of one, replaced by `[redacted]`."""
    parts: list[str] = []
    done, rest = 0, _KEY.sub(REDACTED, text)
    for end in _END.finditer(rest):
        parts += rest[done : _beginning(rest, done, end.start())], REDACTED
        done = end.end()
    return "".join([*parts, rest[done:]])


def _beginning(text: str, done: int, end: int) -> int:
    """Where the key begins whose END stands there: after the last line that can be none of it."""
    found, may_be_short = end, True
    for match in reversed([*_LINE.finditer(text, done, end)]):
        line, has_end = match["line"], match.end() == end
        bare, coded = line.strip(_BETWEEN), _coded_at_the_end(line)
        if not coded:
            if has_end or not bare:
                continue  # what every line of the text begins with, or nothing
            break
        last = coded[0][0]
        if not (may_be_short or len(last) >= _LONG or bare == last):
            break
        may_be_short = may_be_short and has_end
        found = match.start("line") + coded[-1].start()
    return found


def _coded_at_the_end(line: str) -> list[re.Match[str]]:
    """The words with which it ends that can be Base64, the last one first."""
    words: list[re.Match[str]] = []
    at = len(line)
    for word in reversed([*_CODED.finditer(line)]):
        if line[word.end() : at].strip(_BETWEEN):
            break
        words.append(word)
        at = word.start()
    return words
