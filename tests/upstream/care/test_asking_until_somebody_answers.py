"""Deployments, fallbacks and retries over the scripted upstream."""

from contextlib import aclosing

import pytest

from proxy.domain.turn import Asked
from proxy.errors import ContextLengthExceeded, InvalidRequest, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from proxy.upstream.care.attempts import CareRules
from proxy.upstream.care.breaker import Rest
from proxy.upstream.session import Timeouts
from tests.upstream.conftest import entry

pytestmark = pytest.mark.anyio

NOBODY = "http://127.0.0.1:9/v1"
"""The discard port: nothing listens there."""
BROKEN = {"do": "status", "code": 500}


@pytest.fixture(params=["raw", "native", "litellm"])
def lane(request):
    return request.param


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    """Pauses between rounds are noted, not waited for."""
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    monkeypatch.setattr("proxy.upstream.care.attempts.sleep", sleep)
    return pauses


def asked_models(upstream):
    return [body["model"] for body in upstream.bodies()]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deployment_that_cannot_be_reached_is_passed_over(lanes_for, ask, upstream, stream):
    lanes = lanes_for(entry("m", order=1, api_base=NOBODY), entry("m", "openai/second", order=2))
    chunks = await ask(lanes, stream=stream)
    assert chunks
    assert asked_models(upstream) == ["second"]


@pytest.mark.parametrize("code", [401, 403, 404, 408, 429, 500, 503])
async def test_the_next_one_answers_for_a_server_that_cannot(lanes_for, ask, upstream, code):
    lanes = lanes_for(entry("m", f"openai/status-{code}", order=1), entry("m", "openai/second", order=2))
    await ask(lanes)
    assert asked_models(upstream) == [f"status-{code}", "second"]


@pytest.mark.parametrize("code", [413, 422])
async def test_a_request_that_is_at_fault_is_told_at_once(lanes_for, ask, upstream, code):
    lanes = lanes_for(entry("m", f"openai/status-{code}", order=1), entry("m", "openai/second", order=2))
    with pytest.raises(UpstreamError) as caught:
        await ask(lanes)
    assert caught.value.status == code
    assert asked_models(upstream) == [f"status-{code}"]


async def test_a_context_that_is_too_long_is_not_asked_elsewhere(lanes_for, ask, upstream):
    lanes = lanes_for(entry("m", "openai/status-400", order=1), entry("m", "openai/second", order=2))
    with pytest.raises(ContextLengthExceeded):
        await ask(lanes)
    assert asked_models(upstream) == ["status-400"]


async def test_fallbacks_are_asked_in_their_order(lanes_for, ask, upstream):
    care = CareRules(fallbacks={"m": ("other", "third")})
    lanes = lanes_for(
        entry("m", "openai/status-500"),
        entry("other", "openai/status-429"),
        entry("third", "openai/gpt-double"),
        care=care,
    )
    await ask(lanes)
    assert asked_models(upstream) == ["status-500", "status-429", "gpt-double"]


async def test_without_retries_a_lone_server_is_asked_once(lanes_for, ask, upstream, no_pause):
    lanes = lanes_for(entry("m", "openai/status-503"))
    with pytest.raises(UpstreamError):
        await ask(lanes)
    assert (len(upstream.bodies()), no_pause) == (1, [])


async def test_a_retry_comes_after_a_pause_and_brings_the_answer(lanes_for, ask, upstream, no_pause):
    upstream.script(BROKEN)
    upstream.script(BROKEN)
    lanes = lanes_for(entry(), care=CareRules(retries=3))
    await ask(lanes)
    assert len(upstream.bodies()) == 3
    assert 0.25 <= no_pause[0] <= 0.5 <= no_pause[1] <= 1


async def test_the_pause_is_as_long_as_the_provider_says(lanes_for, ask, upstream, no_pause):
    upstream.script({"do": "status", "code": 429, "retry_after": 3})
    lanes = lanes_for(entry(), care=CareRules(retries=1))
    await ask(lanes)
    assert no_pause == [3]


async def test_a_provider_that_wants_a_long_rest_is_not_waited_for(lanes_for, ask, upstream, no_pause):
    upstream.script({"do": "status", "code": 429, "retry_after": 30})
    lanes = lanes_for(entry(), care=CareRules(retries=3))
    with pytest.raises(UpstreamError) as caught:
        await ask(lanes)
    assert (caught.value.status, caught.value.retry_after_s) == (429, 30)
    assert (len(upstream.bodies()), no_pause) == (1, [])


async def test_when_nobody_answers_the_last_error_is_told_as_the_provider_wrote_it(lanes_for, ask):
    lanes = lanes_for(
        entry("m", "openai/status-500", order=1),
        entry("m", "openai/status-429", order=2),
    )
    with pytest.raises(UpstreamError) as caught:
        await ask(lanes)
    assert caught.value.status == 429
    assert caught.value.code == "rate_limit_exceeded"


async def test_what_has_begun_is_never_begun_again(lanes_for, upstream):
    lanes = lanes_for(
        entry("m", "openai/cut", order=1), entry("m", "openai/second", order=2), care=CareRules(retries=2)
    )
    asked = Asked("m", [{"role": "user", "content": "Hello you there"}], {}, stream=True)
    seen = []
    async with aclosing(lanes.ask(asked)) as chunks:
        seen.append(await anext(chunks))
        with pytest.raises(UpstreamError):
            seen += [chunk async for chunk in chunks]
    assert seen
    assert asked_models(upstream) == ["cut"]


async def test_a_server_that_timed_out_may_still_be_at_work_and_is_not_asked_twice(lanes_for, ask, upstream):
    times = Timeouts(first_token_s=0.3, whole_s=0.3)
    lanes = lanes_for(entry("m", "openai/hang"), timeouts=times, care=CareRules(retries=3))
    with pytest.raises(UpstreamTimeout):
        await ask(lanes)
    assert asked_models(upstream) == ["hang"]


async def test_a_server_that_cannot_be_reached_is_left_alone_after_some_tries(lanes_for, ask):
    lanes = lanes_for(entry("m", api_base=NOBODY), care=CareRules(rest=Rest(failures=2, rest_s=60)))
    for _ in range(2):
        with pytest.raises(UpstreamUnreachable, match="cannot be reached"):
            await ask(lanes)
    with pytest.raises(UpstreamUnreachable, match="left alone for a moment") as caught:
        await ask(lanes)
    assert 50 < caught.value.retry_after_s <= 60


async def test_errors_that_a_lone_server_tells_itself_shut_nobody_out(lanes_for, ask, upstream):
    care = CareRules(rest=Rest(failures=2, rest_s=60))
    lanes = lanes_for(entry(), care=care)
    for _ in range(4):
        upstream.script({"do": "status", "code": 500})
        with pytest.raises(UpstreamError):
            await ask(lanes)
    assert await ask(lanes)


async def test_a_deployment_that_keeps_failing_is_not_even_tried(lanes_for, ask, upstream):
    care = CareRules(rest=Rest(failures=2, rest_s=60))
    lanes = lanes_for(entry("m", "openai/status-500", order=1), entry("m", "openai/second", order=2), care=care)
    for _ in range(4):
        await ask(lanes)
    assert asked_models(upstream) == ["status-500", "second", "status-500", "second", "second", "second"]


async def test_a_request_that_nobody_may_ask_spoils_no_record(lanes_for, ask, upstream):
    lanes = lanes_for(entry(), care=CareRules(rest=Rest(failures=1, rest_s=60)))
    with pytest.raises(InvalidRequest):
        await ask(lanes, tools=[{"type": "mcp", "server_url": "http://127.0.0.1:9"}])
    assert await ask(lanes)


async def test_the_smallest_window_of_all_deployments_counts(lanes_for):
    small = {**entry("m"), "model_info": {"max_input_tokens": 8_000}}
    large = {**entry("m"), "model_info": {"max_input_tokens": 64_000}}
    assert lanes_for(large, small).window_tokens("m") == 8_000


async def test_leaving_closes_the_connection_of_the_server_that_answered(lanes_for, upstream):
    lanes = lanes_for(entry("m", "openai/status-500", order=1), entry("m", "openai/slow", order=2))
    asked = Asked("m", [{"role": "user", "content": "one two three four five six seven"}], {}, stream=True)
    async with aclosing(lanes.ask(asked)) as chunks:
        await anext(chunks)
    assert await upstream.ended(1) == "left"
