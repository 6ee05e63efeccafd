"""What would be sent is shown as the executor makes it, without its secrets and without tricks."""

import asyncio
import io
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from amends.api import Action, Compensation, DeadLetter
from amends.api.approval import ApprovalDecision
from amends.api.plan import ProposedCompensation
from amends.cli.shown import demands, preview, screens
from amends.cli.shown.me import Me
from amends.cli.shown.preview import Nothing, Sent, visible
from amends.executors.http import request
from amends.executors.http.secrets import Reading
from amends.ports import Work
from amends.runtime.clock import SystemClock

Object = dict[str, Any]

META = {"name": "undo-post", "namespace": "tenant-a", "uid": "u-17"}
HTTP: Object = {
    "method": "DELETE",
    "url": "https://api.example.com/messages/17?force=true",
    "headers": [
        {"name": "Accept", "value": "text/plain"},
        {"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "board", "key": "token"}}},
    ],
    "body": {"why": None, "lines": [1, 2.5], "auth": {"user": "amends"}},
    "bodyFrom": [{"path": "/auth/pin", "secretKeyRef": {"name": "board", "key": "pin"}}],
    "idempotencyHeader": "X-Idempotency-Key",
    "retrySafety": "ProviderKey",
}


def compensation(http: Object | None = None, **spec: Any) -> Compensation:
    execution = {"http": http} if http is not None else {"record": {}}
    given = {"targetEffect": "effect-1", "execution": execution, **spec}
    return Compensation.model_validate({"metadata": META, "spec": given})


def sent(**changes: Any) -> Sent:
    shown = preview.of_compensation(compensation({**HTTP, **changes}))
    assert isinstance(shown, Sent)
    return shown


def screen(subject: Compensation) -> str:
    """The whole screen, each line as long as it is: a folded secret would hide from a search."""
    me, now = Me("alice"), SystemClock().now()
    shown = screens.screen(
        "Approve compensation undo-post",
        "tenant-a",
        "alice",
        screens.of_compensation(subject, None),
        (
            screens.request(preview.of_compensation(subject), "This will be sent"),
            screens.paragraph(demands.leads_to(subject, ApprovalDecision.APPROVE, None, me, now)),
        ),
        screens.special(subject),
    )
    out = io.StringIO()
    Console(file=out, width=5_000, highlight=False).print(shown)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_the_request_is_shown_with_the_names_of_its_secrets() -> None:
    assert sent() == Sent(
        method="DELETE",
        url="https://api.example.com/messages/17?force=true",
        headers=(
            ("User-Agent", "amends/0.1.0"),
            ("Content-Type", "application/json"),
            ("Accept", "text/plain"),
            ("Authorization", "[from Secret board/token]"),
            ("Accept-Encoding", "identity"),
            ("X-Idempotency-Key", "amends:tenant-a/u-17"),
        ),
        body=json.dumps(
            {
                "why": None,
                "lines": [1, 2.5],
                "auth": {"user": "amends", "pin": "[from Secret board/pin]"},
            },
            indent=2,
        ),
        service_account="amends-runner",
        seconds=60,
        repeat="If its answer is lost, it is sent again: the target knows the key.",
        reads_secrets=True,
    )


def test_the_request_is_the_one_that_the_executor_sends() -> None:
    """With the same headers in the same order, and the same body but for the secrets."""

    class Secrets:
        async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
            return f"{name}-{key}"

    subject = compensation(HTTP)
    execution = subject.spec.execution.http
    assert execution is not None
    clock = SystemClock()
    work = Work(
        namespace="tenant-a",
        name="undo-post",
        execution=subject.spec.execution,
        service_account="amends-runner",
        idempotency_key="amends:tenant-a/u-17",
        attempt_key="undo-post:1",
        timeout=clock.now() - clock.now(),
    )
    made = asyncio.run(request.prepare(work.idempotency_key, execution, Reading(work, Secrets())))

    shown = sent()

    assert [name for name, _ in shown.headers] == list(made.headers)
    assert dict(shown.headers) == {
        **made.headers,
        "Authorization": "[from Secret board/token]",
    }
    assert shown.body is not None
    assert json.loads(shown.body.replace("[from Secret board/pin]", "board-pin")) == json.loads(
        made.body or b""
    )


@pytest.mark.parametrize(
    "header", ["Authorization", "X-Api-Key", "Cookie", "X-Auth", "X-Session", "X-Signature"]
)
def test_a_literal_credential_in_a_header_is_hidden(header: str) -> None:
    shown = sent(headers=[{"name": header, "value": "abc"}])
    assert dict(shown.headers)[header] == "[redacted]"


def test_a_secret_looking_key_still_says_which_secret_it_is_filled_from() -> None:
    from_secret = [
        {"path": "/auth/token", "secretKeyRef": {"name": "board", "key": "pin"}},
        {"path": "/secrets/deep/inside", "secretKeyRef": {"name": "board", "key": "pin"}},
    ]
    body = {"auth": {"user": "amends"}, "secrets": {"deep": {"literal": "abc"}}}
    shown = sent(body=body, bodyFrom=from_secret)
    assert json.loads(shown.body or "") == {
        "auth": {"user": "amends", "token": "[from Secret board/pin]"},
        "secrets": "[redacted]",
    }


def test_what_the_executor_would_refuse_says_so() -> None:
    shown = sent(headers=[{"name": "Host", "value": "elsewhere"}])
    assert shown.objection == (
        "spec.execution.http.headers[Host]: Host is set by the HTTP client. Remove it"
    )
    assert (shown.headers, shown.body) == ((), None)


def test_work_that_is_only_recorded_sends_nothing() -> None:
    assert preview.of_compensation(compensation()) == Nothing(
        "it is done elsewhere, and only recorded here"
    )


def test_a_retry_goes_out_under_the_key_of_its_action() -> None:
    action = Action.model_validate(
        {
            "metadata": {"name": "post", "namespace": "tenant-a"},
            "spec": {
                "operation": "board.post",
                "idempotencyKey": "run-a/post",
                "retry": {"http": {"method": "POST", "url": "https://api.example.com/messages"}},
            },
        }
    )
    shown = preview.of_retry(letter(), action)
    assert isinstance(shown, Sent)
    assert (shown.method, dict(shown.headers)["Idempotency-Key"]) == ("POST", "run-a/post")


def test_a_compensation_that_does_not_exist_yet_has_no_key_yet() -> None:
    plan = ProposedCompensation.model_validate({"execution": {"http": HTTP}})
    shown = preview.of_proposal("tenant-a", plan)
    assert isinstance(shown, Sent)
    assert dict(shown.headers)["X-Idempotency-Key"] == (
        "amends:tenant-a/[uid of the new Compensation]"
    )


def letter() -> DeadLetter:
    spec = {
        "source": "tool_effect",
        "actionRef": {"name": "post"},
        "effectId": "effect-1",
        "operation": "board.post",
        "reason": "503",
        "recoveryOptions": ["Retry"],
        "scope": {"namespace": "tenant-a"},
    }
    meta = {"name": "dead-letter-effect-1", "namespace": "tenant-a"}
    return DeadLetter.model_validate({"metadata": meta, "spec": spec})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jall is well", "\\u001b[2Jall is well"),
        ("\x9b2J", "\\u009b2J"),
        ("https://example.com/\u202egpj.exe", "https://example.com/\\u202egpj.exe"),
        ("one\r\ntwo\n", "one\ntwo\n"),
        ("a\rb", "a\\u000db"),
        ("naïve – 日本", "naïve – 日本"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


# ------------------------------------------------------------------------------------- properties

# The letters of a planted secret occur nowhere else, so that it cannot turn up by accident.
planted = st.text("ЖЩЮЯ0123456789", min_size=12, max_size=40).map(lambda text: "Ж7Щ" + text)
keys = st.text("bdfghijlmnq_-", max_size=8)
secret_keys = st.builds(
    lambda before, word, after: before + word + after,
    keys,
    st.sampled_from(["token", "Secret", "PASSWORD", "authorization", "api_key", "private-key"]),
    keys,
)
leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc \n'\"{}", max_size=12)
plain_json = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
secret_headers = st.sampled_from(
    ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "X-Session-Id", "Proxy-Auth", "X-Key"]
)


@st.composite
def bodies(draw: st.DrawFn, secret: str) -> Any:
    """A body with the secret under a secret key, or as a bearer token in a text, at any depth."""
    inner: Any = draw(
        st.sampled_from(
            [
                {draw(secret_keys): draw(st.sampled_from([secret, [secret], {"f": secret}]))},
                f"sent with Bearer tok{secret.encode().hex()}",
                f"login failed: password={secret}",
            ]
        )
    )
    for _ in range(draw(st.integers(0, 5))):
        inner = draw(st.sampled_from([[inner], {"d": inner}, {"h": draw(plain_json), "d": inner}]))
    return inner


@settings(max_examples=500)
@given(st.data(), planted)
def test_no_planted_secret_stands_on_the_screen(data: st.DataObject, secret: str) -> None:
    ascii_secret = secret.encode().hex()
    http = {
        **HTTP,
        "url": f"https://api.example.com/x?access_token={ascii_secret}&page=2",
        "headers": [
            {"name": data.draw(secret_headers), "value": secret},
            {"name": "X-Note", "value": f"Bearer t0k.{ascii_secret}"},
        ],
        "body": data.draw(bodies(secret)),
        "bodyFrom": [],
    }
    words = f"curl -H 'Authorization: Bearer {ascii_secret}' --password {secret} https://x"
    shown = screen(compensation(http, rollbackInstruction=words))
    assert secret not in shown
    assert ascii_secret not in shown


@given(st.text(), st.text(), plain_json)
def test_nothing_on_the_screen_can_move_the_cursor(words: str, key: str, body: Any) -> None:
    http = {**HTTP, "body": {key: body, "text": words}, "bodyFrom": []}
    shown = screen(
        compensation(http, rollbackInstruction=words[:4000], targetEffect=(key or "x")[:300])
    )
    assert {unicodedata.category(char) for char in shown} & {"Cc", "Cf"} <= {"Cc"}
    assert {char for char in shown if unicodedata.category(char) == "Cc"} <= {"\n"}


def test_of_a_job_it_is_told_who_runs_what_and_without_secrets() -> None:
    containers = [{"name": "undo", "image": "stock:4", "args": ["--token=hunter2-hunter2", "\x1b"]}]
    first = [{"name": "first", "image": "stock:4", "command": ["check"]}]
    job = {"template": {"spec": {"initContainers": first, "containers": containers}}}
    shown = preview.of_compensation(compensation(execution={"job": job}))

    assert shown == Nothing(
        "a Job runs as service account amends-runner, for at most 60 s: image stock:4 with command "
        '["check"]; then image stock:4 with args ["--token=[redacted]", "\\u001b"]'
    )


def test_a_job_that_is_never_made_is_told_to_be_so() -> None:
    shown = preview.of_compensation(compensation(execution={"job": {"template": {}}}))

    assert isinstance(shown, Nothing)
    assert shown.why.startswith("the job executor refuses it: job.template is no pod template")
