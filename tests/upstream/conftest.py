"""Lanes over the scripted upstream: model `m` plainly, and a model for each behaviour that goes by a model's name.

A module that is about one lane, or about several, says so by a fixture `lane` of its own; models otherwise take their usual lane.
"""

import json
from contextlib import aclosing

import pytest

from proxy.domain.turn import Asked, Text
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import models_from_list
from proxy.upstream.session import Timeouts

KEY = "sk-very-secret-key-0123456789"


def entry(name="m", target="openai/gpt-double", **params):
    return {"model_name": name, "litellm_params": {"model": target, **params}}


@pytest.fixture
def lane():
    return None


@pytest.fixture
async def lanes_for(upstream, lane):
    """Makes lanes of `model_list` entries that live on the double unless they say otherwise; closes them."""
    made = []

    def make(*entries, timeouts=None, care=None):
        base = {"api_base": upstream.base_url, "api_key": KEY}
        filled = [
            {
                **e,
                "litellm_params": {**base, **e["litellm_params"]},
                "model_info": {**({"lane": lane} if lane else {}), **e.get("model_info", {})},
            }
            for e in entries or [entry()]
        ]
        lanes = Lanes(models_from_list(filled, {}), timeouts or Timeouts(), care=care)
        made.append(lanes)
        return lanes

    yield make
    for lanes in made:
        await lanes.close()


@pytest.fixture
async def lanes(lanes_for):
    return lanes_for()


def apart(chunk):
    """What came together, one by one."""
    return [json.loads(raw) for raw in chunk.raws()] if isinstance(chunk, Text) else [chunk.wire]


@pytest.fixture
def ask():
    """All chunks of one answer, as JSON objects."""

    async def collected(lanes, text="Hello", *, model="m", stream=False, usage_wanted=False, messages=None, **options):
        messages = messages or [{"role": "user", "content": text}]
        asked = Asked(model, messages, options, stream=stream, usage_wanted=usage_wanted)
        async with aclosing(lanes.ask(asked)) as chunks:
            told = [chunk async for chunk in chunks]
        return [wire for chunk in told for wire in apart(chunk)]

    return collected
