"""A file of `routing.program` is looked at before the port is open: what is no program is refused in one line."""

import json
import logging
import subprocess
import sys

import pytest

from proxy.app.parts import llm_scorer
from proxy.config import RoutingSettings
from proxy.errors import ConfigError
from proxy.routing import program
from proxy.routing.limits import RoutingLimits
from proxy.routing.place_turn import PlaceTurn
from proxy.routing.router import GraftRouter
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import models_from_list
from tests.doubles.scenery import FakeGate, Planting, ask

pytestmark = pytest.mark.anyio

JUDGE = {"model_name": "judge", "litellm_params": {"model": "openai/judge", "api_base": "http://127.0.0.1:9/v1"}}


@pytest.fixture
def file(tmp_path):
    """A program as `graft optimize` writes it."""
    saved = tmp_path / "program.json"
    PlaceTurn(RoutingLimits()).save(str(saved))
    return saved


def changed(file, change):
    state = json.loads(file.read_text())
    change(state)
    file.write_text(json.dumps(state))


def test_what_is_checked_is_what_is_saved(file):
    program.check(file)
    parts = {name for name, _ in PlaceTurn(RoutingLimits()).named_parameters()}
    assert {*parts, "metadata", "prompt_version"} == set(program.Saved.__struct_fields__)


@pytest.mark.parametrize("text", ['{"a":1}', "[]", "no JSON", '"\\ud800"', "", "\xff"])
def test_a_file_that_is_no_program_is_refused_in_one_line(file, text):
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="no program of `graft optimize`") as refused:
        program.check(file)
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("metadata"),
        lambda state: state.pop("prompt_version"),
        lambda state: state.pop("rank"),
        lambda state: state["find"].pop("lm"),
        lambda state: state["compare"].update(demos=7),
        lambda state: state["compare"]["signature"].update(instructions=None),
        lambda state: state["compare"]["signature"]["fields"][0].pop("prefix"),
    ],
)
def test_a_program_that_is_not_whole_is_refused(file, change):
    changed(file, change)
    with pytest.raises(ConfigError, match="no program of `graft optimize`"):
        program.check(file)


def test_a_program_of_other_prompts_is_refused_as_such(file):
    changed(file, lambda state: state.update(prompt_version=1, compare={}))
    with pytest.raises(ConfigError, match="prompts of version 1"):
        program.check(file)


def test_a_router_is_not_made_over_such_a_file(tmp_path):
    file = tmp_path / "program.json"
    file.write_text('{"a":1}')
    with pytest.raises(ConfigError, match="no program"):
        llm_scorer(RoutingSettings(model="judge", program=str(file)), Lanes(models_from_list([JUDGE], {})))


def test_looking_at_a_program_needs_no_dspy():
    code = "import sys, proxy.routing.program; print('dspy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


async def test_a_scorer_that_cannot_be_built_is_told_once_and_the_server_is_ready(caplog):
    built = []

    def build():
        built.append(1)
        raise KeyError("metadata")

    planting = Planting()
    cursor = planting.talk("bread")
    broken = GraftRouter(planting.grove(), FakeGate(), RoutingLimits(mode="tournament"), build)
    with caplog.at_level(logging.WARNING):
        await broken.start()
        found = [await broken.attach(ask(cursor=cursor)) for _ in range(3)]
    assert len(built) == 1
    assert len([record for record in caplog.records if "cannot be built" in record.message]) == 1
    assert all(each.degraded and "cannot be built" in each.reason for each in found)
