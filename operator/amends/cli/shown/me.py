"""Who types the command, as the server authenticated them."""

from typing import NamedTuple


class Me(NamedTuple):
    """A name, and groups that may be asked for among the approvers."""

    username: str
    groups: tuple[str, ...] = ()
