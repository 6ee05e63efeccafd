"""How the demo looks: steps, commands as a user types them, their output, what was observed."""

import os
import shlex
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

WIDTH = 100
_INDENT = "  "
_RESET = "\x1b[0m"
_BOLD, _DIM, _GREEN, _RED, _CYAN = (f"\x1b[{code}m" for code in (1, 2, 32, 31, 36))


class Terminal:
    """Writes at most 100 columns; in colours only where a person looks."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._colours = out.isatty() and "NO_COLOR" not in os.environ
        self.step = "setting up"
        """What is being shown: a failure names it."""
        self._steps = 0

    def begin(self, title: str) -> None:
        """A new step."""
        self._steps += 1
        self.step = f"{self._steps}. {title}"
        self._lines([f"\n{self.step}"], _BOLD)

    def end(self, text: str) -> None:
        """The last word."""
        self._lines([f"\n{text}"], _BOLD)

    def say(self, text: str) -> None:
        """A paragraph for the reader."""
        self._lines(["", *textwrap.wrap(" ".join(text.split()), WIDTH)])

    def command(self, prompt: str, words: Sequence[str]) -> None:
        """A command line, broken where a shell would accept it."""
        lines = _wrapped(words, WIDTH - len(_INDENT) - len(prompt) - len(" \\"))
        margin = " " * len(prompt)
        self._lines([""])
        for number, line in enumerate(lines, start=1):
            more = " \\" if number < len(lines) else ""
            self._lines([f"{_INDENT}{prompt if number == 1 else margin}{line}{more}"], _CYAN)

    def request(self, who: str, method: str, url: str, body: str) -> None:
        """An HTTP request that somebody sends."""
        self._lines([""])
        self._lines(_folded(f"{who}> {method} {url} {body}".rstrip()), _CYAN)

    def output(self, text: str) -> None:
        """What a command printed; lines that are too long go on, indented, in the next one."""
        for line in text.rstrip().splitlines():
            self._lines(_folded(line.rstrip()))

    def seen(self, text: str) -> None:
        """Something that was expected and has been observed."""
        self._lines(_folded(f"✓ {text}"), _GREEN)

    def note(self, text: str) -> None:
        """Something by the way."""
        self._lines(textwrap.wrap(text, WIDTH), _DIM)

    def verbatim(self, lines: Iterable[str]) -> None:
        """Lines to copy: never broken."""
        self._lines(lines)

    def failure(self, title: str, details: Iterable[str]) -> None:
        """What went wrong."""
        self._lines([f"\n{title}"], _RED)
        for detail in details:
            self.output(detail)

    def _lines(self, lines: Iterable[str], colour: str = "") -> None:
        for line in lines:
            coloured = bool(colour and line and self._colours)
            self._out.write(f"{colour}{line}{_RESET}\n" if coloured else f"{line}\n")
        self._out.flush()


def _wrapped(words: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in map(shlex.quote, words):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word if not lines else f"  {word}")
    return lines


def _folded(line: str) -> list[str]:
    """The line, indented; what does not fit goes below it, indented further."""
    if len(_INDENT + line) <= WIDTH:
        return [_INDENT + line if line else ""]
    margin = _INDENT + " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line,
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=f"{margin}  ",
        break_on_hyphens=False,
    )


def abridged(text: str, leave_out: Iterable[str]) -> str:
    """YAML as kubectl prints it, with `…` where these dotted paths were."""
    paths, shown = frozenset(leave_out), list[str]()
    above: list[tuple[int, str]] = []
    skipping: int | None = None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        # kubectl does not indent the items of a list below their key.
        if skipping is not None and indent + line.lstrip().startswith("- ") > skipping:
            continue
        skipping = None
        while above and above[-1][0] >= indent:
            above.pop()
        above.append((indent, line.strip().split(":")[0]))
        if ".".join(key for _, key in above) in paths:
            skipping = indent
            mark = " " * indent + "…"
            shown += [] if shown and shown[-1] == mark else [mark]
        else:
            shown.append(line)
    return "\n".join(shown)
