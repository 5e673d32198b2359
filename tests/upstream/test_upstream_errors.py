"""What a client learns when a provider answers with an error, and what it must never learn."""

import traceback

import pytest

from proxy.errors import ContextLengthExceeded, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from proxy.upstream.failures import answered, redact, retry_after_s, translate
from proxy.upstream.models import Model
from tests.doubles.scripts import ERRORS
from tests.upstream.conftest import KEY, entry

pytestmark = pytest.mark.anyio

MODEL = Model("m", {"model": "openai/x"}, secrets=frozenset({KEY}))

EMPTY = [
    b"",
    b" ",
    b"{}",
    b"[]",
    b"null",
    b"1",
    b"true",
    b'""',
    b'{"error": {}}',
    b'{"error": null}',
    b"[1, 2]",
    b"<p>",
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("lane", "provider"),
    [
        ("native", "openai"),
        ("raw", "openai"),
        ("litellm", "openai"),  # LiteLLM asks through OpenAI's client,
        ("litellm", "deepseek"),  # or through its own
    ],
)
@pytest.mark.parametrize("status", list(ERRORS))
async def test_each_status_arrives_with_the_providers_own_body(lanes_for, ask, provider, status, stream):
    lanes = lanes_for(entry("m", f"{provider}/status-{status}"))
    kind, code, param, message = ERRORS[status]
    with pytest.raises(UpstreamError) as caught:
        await ask(lanes, stream=stream)
    error = caught.value
    assert (error.status, error.type, error.code, error.param) == (status, kind, code, param)
    assert error.message == message.format(key="[redacted]")
    assert error.model == "m"
    assert isinstance(error, ContextLengthExceeded) == (status == 400)
    assert error.retry_after_s == (7.0 if status in (429, 503) else None)
    assert error.headers["x-ratelimit-remaining-requests"] == "99"
    assert error.headers["x-request-id"] == "req_double"
    assert set(error.headers) <= {
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-request-id",
        "retry-after",
    }


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_message_that_litellm_does_not_send_is_the_clients_mistake(lanes_for, ask, upstream, stream):
    lanes = lanes_for({**entry(), "model_info": {"lane": "litellm"}})
    messages = [{"role": "user", "content": [{"type": "hologram", "text": "Hi"}]}]
    with pytest.raises(UpstreamError, match="Invalid user message at index 0") as caught:
        await ask(lanes, messages=messages, stream=stream)
    assert (caught.value.status, caught.value.type, caught.value.param) == (400, "invalid_request_error", "messages")
    assert upstream.requests() == []


async def test_one_status_means_one_request(lanes_for, ask, upstream):
    lanes = lanes_for(entry("m", "openai/status-503"))
    with pytest.raises(UpstreamError):
        await ask(lanes)
    assert len(upstream.requests()) == 1


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_an_error_that_is_no_json_still_has_its_status(lanes, ask, upstream):
    upstream.script({"do": "status", "code": 502, "body": "<html>Bad gateway</html>"})
    with pytest.raises(UpstreamError) as caught:
        await ask(lanes)
    assert caught.value.status == 502


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_no_key_is_shown_in_the_error_or_in_the_trace_behind_it(lanes_for, ask):
    lanes = lanes_for(entry("m", "openai/status-401"))
    with pytest.raises(UpstreamError) as caught:
        await ask(lanes)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(lanes.models.get("m"))


async def test_an_error_while_another_one_is_handled_is_judged_by_itself(lanes_for, ask):
    lanes = lanes_for(entry("long", "openai/status-400"), entry("limited", "openai/status-429"))

    async def retried():
        try:
            await ask(lanes, model="long")
        except ContextLengthExceeded:
            await ask(lanes, model="limited")

    with pytest.raises(UpstreamError) as caught:
        await retried()
    assert (type(caught.value), caught.value.status) == (UpstreamError, 429)


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_address_with_a_key_in_it_is_not_shown_either(lanes_for, ask, upstream, stream):
    base = upstream.base_url.replace("http://", "http://ada:pass-word@") + "/nowhere?api_key=sk-in-the-url-12345"
    with pytest.raises(UpstreamError) as caught:
        await ask(lanes_for(entry("m", "openai/x", api_base=base)), stream=stream)
    told = "".join(traceback.format_exception(caught.value))
    assert "sk-in-the-url-12345" not in told
    assert "pass-word" not in told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Incorrect API key: {KEY}.", "Incorrect API key: [redacted]."),
        ("https://x.test/v1?key=abc&n=1", "https://x.test/v1?key=[redacted]&n=1"),
        ("https://user:pass@x.test/", "https://[redacted]@x.test/"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer [redacted]"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_keys_are_taken_out_of_texts(text, shown):
    assert redact(text, {KEY}) == shown


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"retry-after": "9" * 23}, 86_400.0),
        ({"retry-after-ms": "inf"}, 86_400.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86_400.0),
    ],
)
def test_every_form_of_retry_after_is_seconds(headers, seconds):
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("body", "told"),
    [
        *((empty, "The model 'm' answered with status 503.") for empty in EMPTY),
        (b'"Busy"', "Busy"),
        (b'{"reason": "busy"}', '{"reason": "busy"}'),
        (b'{"error": {"reason": "busy"}}', '{"reason": "busy"}'),
        (b'{"detail": [{"msg": "busy"}]}', '[{"msg": "busy"}]'),
    ],
)
def test_an_error_that_says_nothing_is_told_by_its_status_and_any_other_by_what_it_says(body, told):
    assert answered(MODEL, 503, {}, body).message == told


def test_nobody_is_told_to_come_back_later_than_in_a_day():
    error = answered(MODEL, 429, {"Retry-After-Ms": "9" * 23, "X-RateLimit-Reset": "6m0s"}, b"{}")
    assert (error.retry_after_s, error.headers) == (86_400.0, {"x-ratelimit-reset": "6m0s"})


def test_a_connection_that_breaks_is_unreachable_and_an_unknown_failure_is_a_bad_gateway():
    assert isinstance(translate(ConnectionResetError("gone"), MODEL), UpstreamUnreachable)
    error = translate(ValueError("litellm.APIError: OpenAIException - Odd"), MODEL)
    assert (type(error), error.status, error.message) == (UpstreamError, 502, "Odd")
    assert not isinstance(error, UpstreamTimeout)
