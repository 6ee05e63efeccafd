"""A cluster in which one of the policies does not hold, for as long as a test needs it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cluster import Cluster
from support.tenant import SECONDS
from waiting import wait_for


@contextmanager
def without(
    cp: Cluster, binding: str, *, gone: Callable[[], bool], back: Callable[[], bool]
) -> Iterator[None]:
    """While it lasts, the binding is gone; the server has noticed that, and later its return."""
    kind, name = binding.split("/")
    shipped = json.loads(cp.kubectl("get", kind, name, "-o", "json").stdout)
    cp.kubectl("delete", kind, name)
    try:
        wait_for(gone, seconds=SECONDS, what=f"{name} to be gone")
        yield
    finally:
        again = {**shipped, "metadata": {"name": name}}
        cp.kubectl("create", "-f", "-", input=json.dumps(again))
        wait_for(back, seconds=SECONDS, what=f"{name} to be back")
