"""The notifier: what it signs, whom it calls, and what it says of a Secret that is no use."""

import base64
from typing import Any

import pytest

from amends.core.escalation import Delivered, NotDelivered
from amends.executors.webhook import Webhook, key_of, signed
from amends.ports import ExecutorContext, Rejected
from support.target import APPLIED, Answer, Target, refused
from support.worlds import NOW

# Put together here, so that no scanner of repositories takes it for a leak.
KEY = "wh" + "sec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = {"specversion": "1.0", "id": "escalation-1", "type": "a", "source": "/b", "data": {"a": 1}}


class Noon:
    def now(self) -> Any:
        return NOW


class Held:
    """Secrets that are what a test says."""

    def __init__(self, **values: str) -> None:
        self.values = values

    async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
        if key not in self.values:
            raise Rejected(f"Secret {name} has no key {key}; it has {', '.join(self.values)}")
        return self.values[key]


def webhook(allowed: str, **values: str) -> Webhook:
    context = ExecutorContext(Held(**values), None, (allowed,), frozenset())  # type: ignore[arg-type]
    return Webhook(context, Noon())


async def sent(target: Target, to: str, **values: str) -> Delivered | NotDelivered:
    notifier = webhook(target.origin, **{"url": to, "secret": KEY, **values})
    return await notifier.deliver("tenant-a", "pager", EVENT)


def test_it_signs_as_standard_webhooks_says() -> None:
    """The example that the specification's own libraries are tested with."""
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key_of(KEY)
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("answer", [Answer(200), Answer(204), Answer(202)])
async def test_2xx_acknowledges_it(target: Target, answer: Answer) -> None:
    route = target.route(answer)

    assert await sent(target, route.url) == Delivered()
    (request,) = route.requests
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"


@pytest.mark.parametrize("status", [301, 404, 410, 429, 500])
async def test_anything_else_does_not_and_nothing_of_it_is_repeated(
    target: Target, status: int
) -> None:
    route = target.route(refused(status, Location=target.origin))

    assert await sent(target, route.url) == NotDelivered(f"{target.origin} answered {status}")
    assert len(route.requests) == 1


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param(
            {"secret": "%%"}, "key secret of Secret pager: it is no Base64", id="no Base64"
        ),
        pytest.param(
            {"secret": base64.b64encode(b"short").decode()},
            "key secret of Secret pager: it holds 5 bytes: write whsec_ and 24 to 64 random bytes",
            id="a short key",
        ),
        pytest.param({"url": "pager"}, "key url of Secret pager: it must be absolute", id="no URL"),
        pytest.param(
            {"url": "https://elsewhere.example.com/hook"},
            "key url of Secret pager: https://elsewhere.example.com is not an allowed target",
            id="not allowed",
        ),
        pytest.param(
            {"url": "http://127.0.0.1:1/hook"},
            "http://127.0.0.1:1 is not an allowed target",
            id="another port",
        ),
    ],
)
async def test_a_secret_that_is_no_use_is_named_with_the_fix_and_quoted_nowhere(
    target: Target, values: dict[str, str], why: str
) -> None:
    route = target.route(APPLIED)
    came_to = await sent(target, route.url, **values)

    assert isinstance(came_to, NotDelivered)
    assert why in came_to.why
    assert "hook" not in came_to.why
    assert route.requests == []


async def test_a_key_that_is_missing_is_named() -> None:
    notifier = webhook("https://*", url="https://pager.example.com")
    assert await notifier.deliver("tenant-a", "pager", EVENT) == NotDelivered(
        "Secret pager has no key secret; it has url"
    )
