"""The LLM scorer through LiteLLM against a real OpenAI-shaped server."""

import json

import anyio
import pytest

from proxy.routing.limits import RoutingLimits
from proxy.routing.router import GraftRouter, build_llm
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import models_from_list
from tests.doubles.scenery import FakeGate, Planting, ask, leaning

pytestmark = pytest.mark.anyio

SCORES = json.dumps(
    {
        "scores": [
            {"id": 1, "reasoning": "other topic", "relevance": 0.1, "rank": 2},
            {"id": 2, "reasoning": "asks on about light", "relevance": 0.9, "rank": 1},
        ]
    }
)


@pytest.fixture
async def lanes(upstream):
    params = {"model": "openai/small-double", "api_base": upstream.base_url, "api_key": "sk-x"}
    lanes = Lanes(models_from_list([{"model_name": "judge", "litellm_params": params}], {}))
    await lanes.warm()
    yield lanes
    await lanes.close()


async def router(lanes, *, schema=False, **limits):
    """Two short branches, so that one call decides."""
    planting = Planting()
    planting.talk("bread")
    planting.talk("light")
    bounds = RoutingLimits(**{"mode": "tournament", "deadline_s": 30.0, **limits})
    gate = FakeGate(leaning("bread-1a", 0.4))
    ready = GraftRouter(planting.grove(), gate, bounds, lambda: build_llm(lanes.scorer("judge"), bounds, schema=schema))
    await ready.start()
    return ready


async def test_the_configured_model_is_asked_and_its_tokens_are_counted(upstream, lanes):
    upstream.say(SCORES)
    found = await (await router(lanes)).attach(ask("why is it blue?", cursor="bread-1a"))
    assert (found.parent_id, found.reason, found.calls) == ("light-1a", "asks on about light", 1)
    (body,) = upstream.bodies()
    assert body["model"] == "small-double"
    assert "user: why is it blue?" in body["messages"][-1]["content"]
    assert found.prompt_tokens > 100
    assert found.completion_tokens > 0


async def test_a_schema_reaches_the_provider(upstream, lanes):
    upstream.say(SCORES)
    found = await (await router(lanes, schema=True)).attach(ask(cursor="bread-1a"))
    assert not found.degraded
    (body,) = upstream.bodies()
    assert body["response_format"]["json_schema"]["strict"] is True


async def test_a_server_that_refuses_a_schema_is_asked_without_one(upstream, lanes):
    upstream.script({"do": "status", "code": 422})
    upstream.say(SCORES)
    found = await (await router(lanes, schema=lanes.honours_schema("judge"))).attach(ask(cursor="bread-1a"))
    assert (found.parent_id, found.degraded, found.calls) == ("light-1a", False, 2)
    assert ["response_format" in body for body in upstream.bodies()] == [True, False]


async def test_a_rate_limit_costs_one_call_and_leaves_the_embedded_answer(upstream, lanes):
    upstream.script({"do": "status", "code": 429})
    found = await (await router(lanes)).attach(ask(cursor="bread-1a"))
    assert (found.parent_id, found.degraded) == ("bread-1a", True)
    assert "answered 429" in found.reason
    assert len(upstream.requests()) == 1


async def test_a_provider_that_hangs_is_left_at_the_deadline(upstream, lanes):
    upstream.script({"do": "hang"})
    placing = await router(lanes, deadline_s=1.0)
    with anyio.fail_after(60):
        found = await placing.attach(ask(cursor="bread-1a"))
        assert await upstream.ended(0) == "left"
    assert (found.parent_id, found.degraded) == ("bread-1a", True)
