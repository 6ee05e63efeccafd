"""The notifier that posts CloudEvents to the receiver of a namespace, signed.

CloudEvents 1.0 in structured mode, and the headers of Standard Webhooks: id, time, and an HMAC over
both and the body. The same guards hold as for every request: allowed origins, checked addresses, no
redirects, no proxies. Neither the URL's path nor anything of the answer but its status is repeated.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver

from amends.api.plan import Plan
from amends.core.escalation import Delivered, NotDelivered
from amends.executors.http.request import USER_AGENT, Request
from amends.executors.http.sending import Sending
from amends.executors.targets import TargetRefused, Targets, origin_of
from amends.ports import Clock, ExecutorContext, Fault

ACCOUNT: str = Plan.model_fields["service_account_name"].default
"""The tenant's service account as which the Secret is read, whatever account a plan names."""
SECONDS = 10.0
PREFIX = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64
"""Bytes of a key, as Standard Webhooks recommends."""
_FIX = f"write {PREFIX} and {SHORTEST_KEY} to {LONGEST_KEY} random bytes in Base64"


class Webhook:
    """Posts each event to the URL in its namespace's Secret, signed with the key beside it."""

    def __init__(
        self,
        context: ExecutorContext,
        clock: Clock,
        names: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
    ) -> None:
        self._secrets = context.secrets
        self._targets = Targets(context.allowed_targets, context.forbidden_addresses)
        self._clock = clock
        self._names = names

    async def deliver(
        self, namespace: str, secret: str, event: Mapping[str, Any]
    ) -> Delivered | NotDelivered:
        """Post it once. Only an answer of 2xx acknowledges it."""
        try:
            url = (await self._secrets.read(namespace, secret, "url", ACCOUNT)).strip()
            text = await self._secrets.read(namespace, secret, "secret", ACCOUNT)
            key = key_of(text)
        except Fault as why:
            return NotDelivered(str(why))
        except ValueError as why:
            return NotDelivered(f"key secret of Secret {secret}: {why}")
        field = f"key url of Secret {secret}"
        if (objection := self._targets.objection(url, field)) is not None:
            return NotDelivered(objection)
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            **signed(str(event["id"]), int(self._clock.now().timestamp()), body, key),
        }
        return await self._post(Request("POST", url, headers, body), field)

    async def _post(self, request: Request, field: str) -> Delivered | NotDelivered:
        origin = origin_of(request.url)
        sending = Sending(origin, SECONDS)
        resolver = self._targets.resolver(request.url, self._names(), field)
        try:
            async with asyncio.timeout(SECONDS):
                answer = await sending.send(request, resolver, None)
        except TargetRefused as why:
            return NotDelivered(str(why))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return NotDelivered(f"{origin} {sending.failure(error)}")
        if 200 <= answer.status < 300:
            return Delivered()
        return NotDelivered(f"{origin} answered {answer.status}")


def key_of(text: str) -> bytes:
    """The key behind `whsec_` and Base64. Raises ValueError, in words that quote none of it."""
    try:
        key = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"it is no Base64: {_FIX}") from None
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(f"it holds {len(key)} bytes: {_FIX}")
    return key


def signed(id_: str, timestamp: int, body: bytes, key: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    content = f"{id_}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
