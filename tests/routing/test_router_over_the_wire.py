"""The LLM scorer through LiteLLM against a real OpenAI-shaped server."""

import json
import logging

import anyio
import anyio.lowlevel
import pytest

from proxy.operations.figures import Figures
from proxy.operations.figures import told as told_figures
from proxy.routing.limits import RoutingLimits
from proxy.routing.router import GraftRouter, build_llm
from proxy.upstream.care.attempts import CareRules
from proxy.upstream.care.breaker import Rest
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


async def test_a_provider_that_hangs_is_left_alone_after_some_turns(upstream, caplog):
    """Each of its time-outs is counted and it is told in the log; requests that are not in a hurry still go there."""
    params = {"model": "openai/hang", "api_base": upstream.base_url, "api_key": "sk-x"}
    judge = {"model_name": "judge", "litellm_params": params, "model_info": {"lane": "raw"}}
    figures = Figures()
    lanes = Lanes(models_from_list([judge], {}), care=CareRules(rest=Rest(failures=2, rest_s=600.0)), figures=figures)
    placing = await router(lanes, deadline_s=0.5)
    with anyio.fail_after(60), caplog.at_level(logging.WARNING):
        found = [await placing.attach(ask(cursor="bread-1a")) for _ in range(4)]
    assert len(upstream.requests()) == 2
    assert [each.degraded for each in found] == [True] * 4
    assert ["longer than 0.5 s" in each.reason for each in found] == [True, True, False, False]
    assert "left alone" in found[-1].reason
    told = [record.getMessage() for record in caplog.records if "of no help" in record.getMessage()]
    assert len(told) == 2
    assert "longer than 0.5 s" in told[0]
    assert "did not answer in time" in told[1]
    (model,) = lanes.models.all()
    assert lanes.care.open() == {(model.id,): 1.0}
    assert (
        f'graft_upstream_errors_total{{deployment="{model.id}",kind="timeout"}} 2.0'
        in told_figures(figures.snapshot())[0].decode()
    )
    assert lanes.care.breaker(model).closed
    await lanes.close()


async def test_a_turn_whose_client_leaves_says_nothing_of_the_provider(upstream):
    params = {"model": "openai/hang", "api_base": upstream.base_url, "api_key": "sk-x"}
    judge = {"model_name": "judge", "litellm_params": params, "model_info": {"lane": "raw"}}
    lanes = Lanes(models_from_list([judge], {}), care=CareRules(rest=Rest(failures=1)))
    placing = await router(lanes, deadline_s=600.0)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(placing.attach, ask(cursor="bread-1a"))
            while not upstream.requests():
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert set(lanes.care.open().values()) == {0.0}
    await lanes.close()


async def test_a_page_instead_of_an_answer_is_told_as_what_it_is(upstream, lanes, caplog):
    upstream.script({"do": "bytes", "pieces": ["<html>Welcome</html>"]})
    with caplog.at_level(logging.WARNING):
        found = await (await router(lanes)).attach(ask(cursor="bread-1a"))
    assert "no answer that can be used" in found.reason
    assert "model answered" not in found.reason
    assert any("of no help" in record.getMessage() for record in caplog.records)


async def test_nonsense_is_told_once_in_the_log(upstream, lanes, caplog):
    placing = await router(lanes)
    upstream.say("I would rather not.")
    upstream.say("I would rather not.")
    with caplog.at_level(logging.WARNING):
        found = [await placing.attach(ask(cursor="bread-1a")) for _ in range(2)]
    assert all("could not be read" in each.reason for each in found)
    (told,) = [record.getMessage() for record in caplog.records if "of no help" in record.getMessage()]
    assert "could not be read" in told
    assert "rather not" not in told
