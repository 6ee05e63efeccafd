"""The kinds of faults on the way to the API server that need nothing but a proxy."""

from collections.abc import Mapping

from chaos.bad_watches import OutOfOrder, WatchClosed
from chaos.wrongs import (
    AnswerLost,
    Broken,
    Conflict,
    HalfABody,
    Late,
    Refused,
    Reset,
    TooMany,
    VeryLate,
    Wrong,
)

EVERYWHERE: Mapping[str, type[Wrong]] = {
    "answer lost after commit": AnswerLost,
    "delayed up to 3 s": Late,
    "delayed up to 60 s": VeryLate,
    "409": Conflict,
    "429 with Retry-After": TooMany,
    "500": Broken,
    "503": Refused,
    "reset": Reset,
    "half a body": HalfABody,
    "watch closed": WatchClosed,
    "events stale or out of order": OutOfOrder,
}
