"""OAuth2 client credentials: fetches a token, and keeps it until shortly before it expires.

The Secrets are read for each attempt, and a token is kept for exactly what they held: a Secret that
was rotated, or may not be read any more, counts at once. No token is ever another tenant's.
"""

import asyncio
import json
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
from aiohttp.abc import AbstractResolver

from amends.api.credentials import AuthStyle, ClientCredentials
from amends.core.outcome import NotApplied
from amends.executors.http import tls
from amends.executors.http.answer import Answer, retry_after
from amends.executors.http.request import USER_AGENT, Request
from amends.executors.http.secrets import MAX_HEADER, Reading, Unready, sendable
from amends.executors.http.sending import Sending
from amends.executors.targets import TargetRefused, Targets, origin_of
from amends.ports import Work

MOST_TOKENS = 1024
"""How many are kept; then the one that was used the longest ago goes."""
_MARGIN = 60.0
"""So long before it expires a token is not used any more, but at most a tenth of its life."""


@dataclass(frozen=True)
class Token:
    """One access token. fresh: fetched for this very attempt."""

    value: str = field(repr=False)
    fresh: bool
    key: str = field(repr=False)


@dataclass(frozen=True)
class _Kept:
    value: str = field(repr=False)
    until: float


class Tokens:
    """The tokens of this process."""

    def __init__(self, targets: Targets, names: Callable[[], AbstractResolver]) -> None:
        self._targets, self._names = targets, names
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def token(
        self, work: Work, oauth2: ClientCredentials, where: str, reading: Reading, deadline: float
    ) -> Token:
        """A token for this attempt. Raises Unready, and then nothing was sent to the target."""
        client = oauth2.client_id
        if oauth2.client_id_from is not None:
            client = await reading.value(oauth2.client_id_from)
        secret = await reading.value(oauth2.client_secret_from)
        account = (work.namespace, work.service_account)
        key = json.dumps([*account, oauth2.wire(), client, secret])
        now = asyncio.get_running_loop().time()
        if (kept := self._kept.get(key)) is not None and now < kept.until:
            self._kept.move_to_end(key)
            reading.hide(kept.value)
            return Token(kept.value, fresh=False, key=key)
        request = _request(oauth2, client or "", secret, reading)
        field = f"{where}.oauth2"
        answer = await self._ask(oauth2, request, field, reading, work, deadline)
        value, seconds = _issued(answer, str(origin_of(oauth2.token_url)), reading)
        reading.hide(value)
        if seconds > 0:
            self._keep(key, _Kept(value, now + seconds - min(_MARGIN, seconds / 10)))
        return Token(value, fresh=True, key=key)

    def drop(self, token: Token) -> None:
        """The target did not accept it: the next attempt fetches another."""
        self._kept.pop(token.key, None)

    def _keep(self, key: str, kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_TOKENS:
            self._kept.popitem(last=False)

    async def _ask(
        self,
        oauth2: ClientCredentials,
        request: Request,
        where: str,
        reading: Reading,
        work: Work,
        deadline: float,
    ) -> Answer:
        sending = Sending(origin_of(oauth2.token_url), work.timeout.total_seconds())
        try:
            async with asyncio.timeout_at(deadline):
                context = await tls.context(oauth2.tls, where, reading)
                resolver = self._targets.resolver(
                    oauth2.token_url, self._names(), f"{where}.tokenUrl"
                )
                return await sending.send(request, resolver, context)
        except TargetRefused as refused:
            raise Unready.for_good(str(refused)) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # A token that was issued and got lost does no harm: it is fetched again.
            why = f"no token: {sending.origin} {sending.failure(error)}. Nothing was sent"
            raise Unready(NotApplied(why)) from None


def _request(oauth2: ClientCredentials, client: str, secret: str, reading: Reading) -> Request:
    form = {"grant_type": "client_credentials"}
    if oauth2.scopes:
        form["scope"] = " ".join(oauth2.scopes)
    if oauth2.audience is not None:
        form["audience"] = oauth2.audience
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": USER_AGENT,
    }
    if oauth2.auth_style is AuthStyle.BODY:
        form |= {"client_id": client, "client_secret": secret}
    else:  # RFC 6749, 2.3.1: both are encoded as in a form before they are joined
        basic = b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
        reading.hide(basic)
        headers["Authorization"] = f"Basic {basic}"
    return Request("POST", oauth2.token_url, headers, urlencode(form).encode())


def _issued(answer: Answer, origin: str, reading: Reading) -> tuple[str, float]:
    """The token and the seconds it lives. Raises Unready, in words that quote no token."""
    said = _members(answer)
    if answer.status != 200:
        error = ": ".join(
            str(said[name])[:200] for name in ("error", "error_description") if name in said
        )
        why = f"no token: {origin} answered {answer.status}" + (f" ({error})" if error else "")
        wish = retry_after(answer.headers)
        passing = answer.status >= 500 or answer.status in (408, 425, 429)
        delay = wish.delay if wish is not None and passing else None
        reason = reading.redaction.text(f"{why}. Nothing was sent")
        raise Unready(NotApplied(reason, passing, delay))
    token, kind = said.get("access_token"), str(said.get("token_type", ""))
    if not isinstance(token, str) or not 0 < len(token) < MAX_HEADER or not sendable(token):
        raise Unready.for_good(f"no token: the answer of {origin} holds no access_token to send")
    if kind.lower() != "bearer":
        raise Unready.for_good(f"no token: {origin} issues tokens of another type than Bearer")
    return token, _seconds(said.get("expires_in"))


def _members(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body) if not answer.truncated else None
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(said: object) -> float:
    """How long it lives; 0, which is not at all, where that is not said."""
    try:
        return max(0.0, min(float(str(said)), 86400.0))
    except ValueError:
        return 0.0
