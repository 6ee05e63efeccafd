"""What a step of the story can do: type commands, look at things, and insist on what it sees."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Protocol

from examples.demo.clusters import TENANT, Cluster
from examples.demo.terminal import Terminal, abridged

from waiting import wait_for

_TEMPLATES = Path(__file__).parent
_PATIENCE = 30


class NotSeen(Exception):
    """A step did not show what it should have: what was expected, and what was there."""

    def __init__(self, expected: str, seen: object) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.expected = expected
        self.seen = seen


class Board(Protocol):
    """What a stage needs of the message board, wherever it runs."""

    @property
    def origin(self) -> str:
        """Where the operator calls it."""

    @property
    def token(self) -> str:
        """What its callers have to show."""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and JSON of one request."""


class Operator(Protocol):
    """What a stage needs of the operator, wherever it runs."""

    @property
    def log(self) -> Path:
        """All it has logged."""

    def tail(self) -> str:
        """The end of that."""


@dataclass
class Stage:
    """A cluster with Amends in it, the message board, and the terminal that all is shown on."""

    cluster: Cluster
    board: Board
    operator: Operator
    folder: Path
    terminal: Terminal

    def write(self, template: str, **values: str) -> str:
        """Renders a template into the working folder; returns the file's name there."""
        text = (_TEMPLATES / template).read_text()
        (self.folder / template).write_text(Template(text).substitute(values))
        return template

    def show(self, user: str, file: str) -> None:
        """`cat` of a file in the working folder."""
        prompt, _ = self.cluster.typed(user, ())
        self.terminal.command(prompt, ["cat", file])
        self.terminal.output((self.folder / file).read_text())

    def type(
        self, user: str, *arguments: str, fails: bool = False, leave_out: Sequence[str] = ()
    ) -> str:
        """Runs kubectl as a person, shows command and output, and returns the output."""
        arguments = (arguments[0], "-n", TENANT, *arguments[1:])
        self.terminal.command(*self.cluster.typed(user, arguments))
        ended = self.cluster.kubectl(*arguments, user=user, check=False)
        said = ended.stdout + ended.stderr
        self.terminal.output(abridged(said, leave_out) if leave_out else said)
        if (ended.returncode != 0) is not fails:
            wanted = "be refused" if fails else "succeed"
            raise NotSeen(f"kubectl {' '.join(arguments)} to {wanted}", said)
        return said

    def type_wait(self, user: str, what: str, path: str, value: str) -> None:
        """`kubectl wait` until a field has a value."""
        condition = f"--for=jsonpath={{{path}}}={value}"
        try:
            self.type(user, "wait", condition, what, f"--timeout={_PATIENCE}s")
        except NotSeen as why:
            status = ("get", "-n", TENANT, what, "-o", "jsonpath={.status}")
            found = self.cluster.kubectl(*status, check=False)
            expected = f"{path} of {what} to become {value} within {_PATIENCE} s"
            raise NotSeen(expected, f"status {found.stdout or found.stderr}") from why

    def call_board(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """Sends a request to the board, and shows it with its answer."""
        sent = "" if body is None else json.dumps(body)
        self.terminal.request(who, method, self.board.origin + path, sent)
        status, answer = self.board.call(method, path, body)
        self.terminal.output(f"{status} {json.dumps(answer)}")
        return answer

    def get(self, what: str) -> Any:
        """An object as it is now."""
        return json.loads(self.cluster.kubectl("get", what, "-n", TENANT, "-o", "json").stdout)

    def expect(self, text: str, expected: object, look: Callable[[], object]) -> None:
        """Waits until a look gives what is expected, and says so; raises NotSeen in the end."""
        last = look()

        def is_there() -> bool:
            nonlocal last
            last = look()
            return last == expected

        try:
            if last != expected:
                wait_for(is_there, seconds=_PATIENCE, what=text)
        except TimeoutError as why:
            raise NotSeen(f"{text}: {expected!r} within {_PATIENCE} s", repr(last)) from why
        self.terminal.seen(text)

    def insist(self, text: str, holds: bool, seen: object) -> None:
        """Says what has been observed, or raises NotSeen with what was there instead."""
        if not holds:
            raise NotSeen(text, seen)
        self.terminal.seen(text)
