"""How to find out, without a person, whether an effect of unknown outcome has happened."""

from pydantic import Field

from amends.api.http import HttpProbe
from amends.api.wire import Wire


class Verification(Wire):
    """A probe: asked when nobody knows what became of an attempt and it may not be repeated."""

    http: HttpProbe = Field(description="Send a GET and judge its answer.")
    after_seconds: int = Field(
        default=10,
        ge=0,
        le=3600,
        description="How long after the attempt it is asked first: it may still be at work.",
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="How often it is asked before a person has to look."
    )
