"""What an author brings: an executor, a working plan, and a target that misbehaves when asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from amends.api.execution import Execution
from amends.ports import Executor, ExecutorContext, Rejected, Work

NAMESPACE, ACCOUNT = "tenant-a", "amends-runner"


class Behaviour(Enum):
    """What the target does with every request from now on."""

    WORKS = auto()
    """It does what is asked, at most once for each idempotency key, and says so."""
    LOSES_ANSWERS = auto()
    """It does what is asked, and its answer never arrives: the connection ends."""
    HANGS = auto()
    """It takes the request and answers nothing."""
    ANSWERS_HUGELY = auto()
    """It does what is asked, and its answer is 32 MiB long."""
    ECHOES = auto()
    """It does what is asked, and repeats the secrets that it was sent in its answer."""
    REFUSES = auto()
    """It does nothing, and says so, repeating the secrets that it was sent."""


class Subject(ABC):
    """One executor with its target, set up for one test."""

    @abstractmethod
    def executor(self, context: ExecutorContext) -> Executor:
        """A new executor, as the operator builds it."""

    @abstractmethod
    def execution(self) -> Execution:
        """A plan that works."""

    @abstractmethod
    async def behave(self, behaviour: Behaviour) -> None:
        """Let the target behave like this."""

    @abstractmethod
    def effects(self) -> int:
        """How often the target has done what was asked."""

    def connections(self) -> int:
        """How many connections to the target are open now. Zero where there are none to count."""
        return 0

    def allowed_targets(self) -> tuple[str, ...]:
        """What the operator's configuration allows, as `--allow-target` takes it."""
        return ()

    def secrets(self) -> Mapping[str, str]:
        """The Secrets that the plan needs, as `name/key`: value. Values of 8 characters or more."""
        return {}


class KnownSecrets:
    """The Secrets port: answers what it knows, and remembers what was asked."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.asked: list[tuple[str, str, str, str]] = []

    async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
        """The value, and a note of who asked as whom."""
        self.asked.append((namespace, name, key, service_account))
        try:
            return self.values[f"{name}/{key}"]
        except KeyError:
            raise Rejected(f"Secret {name} has no key {key}") from None


class NoTenants:
    """The Tenants port of executors that ask the API server nothing."""

    async def call(self, method: str, path: str, *asked: Any, **how: Any) -> Any:
        """Refuse."""
        raise Rejected(f"{method} {path} was asked of the API server, and this test has none")

    async def text(self, path: str, *asked: Any, **how: Any) -> str:
        """Refuse."""
        raise Rejected(f"GET {path} was asked of the API server, and this test has none")


def work(execution: Execution, attempt: int = 1, seconds: float = 10.0) -> Work:
    """One attempt of the plan; the idempotency key is the same for every attempt."""
    key = "amends:tenant-a/3f2a9c0d-1b4e-4f60-8a7b-5c6d7e8f9a0b"
    return Work(
        namespace=NAMESPACE,
        name="undo",
        execution=execution,
        service_account=ACCOUNT,
        idempotency_key=key,
        attempt_key=f"{key}#{attempt}",
        timeout=timedelta(seconds=seconds),
    )
