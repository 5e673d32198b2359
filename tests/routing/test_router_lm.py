"""DSPy over the scorer port: real DSPy, a scripted scorer."""

import json
import subprocess
import sys

import anyio
import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError, LMError

from proxy.errors import ConfigError, ContextLengthExceeded, ScorerFailed, UpstreamError
from proxy.lm import ScorerOptions, Tally, asking, language_model
from proxy.routing.limits import RoutingLimits
from proxy.routing.place_turn import PlaceTurn
from proxy.routing.router import build_llm
from proxy.routing.scene import see
from proxy.routing.signatures import FindAttachment, ScoreWindows
from tests.doubles.scenery import FakeGate, FakeScorer, Planting, about, ask

pytestmark = pytest.mark.anyio

SCORES = '{"scores": [{"id": 1, "reasoning": "no", "relevance": 0.2, "rank": 1}]}'


async def score(scorer, options=None, tally=None):
    with asking(language_model(scorer, options or ScorerOptions()), tally or Tally(5)):
        return await dspy.Predict(ScoreWindows).acall(new_turn="hello", windows='<window id="1">\nuser: hi\n</window>')


def saying(*texts):
    scorer = FakeScorer()
    scorer.texts = list(texts)
    return scorer


async def test_one_prediction_is_one_call_of_the_port():
    scorer, tally = saying(SCORES), Tally(5)
    prediction = await score(scorer, tally=tally)
    assert prediction.scores[0].relevance == 0.2
    assert [message.role for message in scorer.prompts[0]] == ["system", "user"]
    assert (tally.calls, tally.prompt_tokens, tally.completion_tokens) == (1, 100, 10)


async def test_a_schema_is_sent_where_the_upstream_honours_it_and_nothing_where_it_does_not():
    plain, strict = saying(SCORES), saying(SCORES)
    await score(plain)
    await score(strict, ScorerOptions(schema=True))
    assert dict(plain.options[0]) == {"temperature": 0.0}
    response_format = strict.options[0]["response_format"]
    assert response_format["type"] == "json_schema"
    assert set(response_format["json_schema"]) == {"name", "schema", "strict"}
    item = response_format["json_schema"]["schema"]["$defs"]["WindowScore"]
    assert list(item["properties"]) == ["id", "reasoning", "relevance", "rank"]
    assert item["required"] == ["id", "reasoning", "relevance", "rank"]
    json.dumps(response_format)


def refusing(status):
    return UpstreamError("response_format: unknown field", model="m", status=status)


@pytest.mark.parametrize("status", [400, 422])
async def test_where_nobody_knows_a_schema_is_tried_and_left_out_once_it_was_refused(status):
    scorer, tally = saying(refusing(status), SCORES, SCORES), Tally(5)
    lm = language_model(scorer, ScorerOptions(schema=None))
    for _ in range(2):
        with asking(lm, tally):
            assert (await dspy.Predict(ScoreWindows).acall(new_turn="hello", windows="w")).scores[0].relevance == 0.2
    assert ["response_format" in options for options in scorer.options] == [True, False, False]
    assert tally.calls == 3


async def test_a_schema_that_was_taken_once_is_sent_from_then_on():
    scorer = saying(SCORES, SCORES)
    lm = language_model(scorer, ScorerOptions(schema=None))
    for _ in range(2):
        with asking(lm, Tally(5)):
            await dspy.Predict(ScoreWindows).acall(new_turn="hello", windows="w")
    assert all("response_format" in options for options in scorer.options)


@pytest.mark.parametrize("schema", [None, True])
async def test_a_request_that_fails_without_a_schema_too_does_not_speak_against_schemas(schema):
    scorer = saying(refusing(400), refusing(400), SCORES)
    lm = language_model(scorer, ScorerOptions(schema=schema))
    with asking(lm, Tally(5)), pytest.raises(LMError):
        await dspy.Predict(ScoreWindows).acall(new_turn="hello", windows="w")
    with asking(lm, Tally(5)):
        await dspy.Predict(ScoreWindows).acall(new_turn="hello", windows="w")
    assert ["response_format" in options for options in scorer.options] == [True, False, True]


async def test_a_context_that_does_not_fit_is_no_refusal_of_a_schema():
    scorer = saying(ContextLengthExceeded("too long", model="m", status=400), SCORES)
    with pytest.raises(LMError):
        await score(scorer, ScorerOptions(schema=None))
    assert scorer.calls == 1


async def test_one_call_finds_out_whether_a_schema_is_taken_while_those_beside_it_wait():
    scorer = saying(refusing(400), *[SCORES] * 4)
    scorer.pause, scorer.expected = anyio.Event(), 1
    lm, tally = language_model(scorer, ScorerOptions(schema=None)), Tally(5)
    with asking(lm, tally):
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(lambda: dspy.Predict(ScoreWindows).acall(new_turn="hello", windows="w"))
            await scorer.arrived.wait()
            await anyio.wait_all_tasks_blocked()
            assert scorer.calls == 1
            scorer.pause.set()
    assert ["response_format" in options for options in scorer.options] == [True, False, False, False, False]
    assert tally.calls == 5


async def test_sampling_options_can_be_left_to_the_model():
    scorer = saying(SCORES)
    await score(scorer, ScorerOptions(temperature=None, max_tokens=300))
    assert dict(scorer.options[0]) == {"max_tokens": 300}


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1, "reasoning": "no", "relevance": 0.2, "rank": 1}]',
        f"```json\n{SCORES}\n```",
        f"<think>The windows say [1, 2]...</think>\n{SCORES}",
        f"Here you are:\n{SCORES}",
        "{'scores': [{'id': 1, 'reasoning': 'no', 'relevance': 0.2, 'rank': 1,}]}",
        '{"scores": [{"id": "1", "reasoning": "no", "relevance": "0.2", "rank": "1"}]}',
    ],
)
async def test_what_small_models_make_of_json_is_read(text):
    scorer = saying(text)
    assert (await score(scorer)).scores[0].relevance == 0.2
    assert scorer.calls == 1


@pytest.mark.parametrize(
    "text", ["", "I cannot help with that.", "{}", '{"scores": "high"}', '{"scores": [{"id": 1}]}', "[]", "42"]
)
async def test_an_unreadable_answer_fails_without_a_second_call(text):
    scorer = saying(text, SCORES)
    with pytest.raises(AdapterParseError):
        await score(scorer)
    assert scorer.calls == 1


async def test_a_failing_call_is_not_tried_again():
    scorer = saying(UpstreamError("slow down", model="m", status=429, retry_after_s=0.0), SCORES)
    with pytest.raises(LMError):
        await score(scorer)
    assert scorer.calls == 1


async def test_the_ceiling_is_kept_at_the_port():
    scorer, tally = saying(SCORES, SCORES), Tally(1)
    await score(scorer, tally=tally)
    with pytest.raises(LMError) as failed:
        await score(scorer, tally=tally)
    assert isinstance(failed.value.__cause__, ScorerFailed)
    assert scorer.calls == 1


async def test_the_same_question_twice_is_two_calls():
    scorer = saying(SCORES, SCORES)
    lm = language_model(scorer, ScorerOptions())
    for _ in range(2):
        with asking(lm, Tally(5)):
            await dspy.Predict(ScoreWindows).acall(new_turn="hello", windows="w")
    assert scorer.calls == 2


async def test_dspy_keeps_nothing_that_was_said():
    scorer = saying(SCORES)
    lm = language_model(scorer, ScorerOptions())
    program = dspy.Predict(ScoreWindows)
    with asking(lm, Tally(5)):
        await program.acall(new_turn="my secret", windows="w")
    from dspy.clients.base_lm import GLOBAL_HISTORY

    assert not any("my secret" in str(entry) for entry in GLOBAL_HISTORY)
    assert lm.history == []
    assert program.history == []
    assert not any("my secret" in str(entry) for entry in dspy.settings.trace or [])


async def test_the_model_is_bound_for_one_decision_only():
    with asking(language_model(saying(), ScorerOptions()), Tally(1)):
        assert dspy.settings.lm is not None
    assert dspy.settings.lm is None
    assert dspy.settings.disable_history is False


def test_the_synchronous_half_sends_whoever_calls_it_to_the_asynchronous_one():
    with asking(language_model(saying(), ScorerOptions()), Tally(1)), pytest.raises(LMError, match="asynchronously"):
        dspy.Predict(FindAttachment)(new_turn="hello", points="p")


def scene():
    planting = Planting()
    planting.talk("bread", pairs=4)
    planting.talk("light", pairs=4)
    return see(planting.model(), ask(cursor="bread-4a"), FakeGate(), None, RoutingLimits(mode="tournament"))


def test_a_program_can_be_made_synchronous_for_an_optimizer():
    program = dspy.syncify(PlaceTurn(RoutingLimits(mode="tournament")))
    with asking(language_model(FakeScorer(about(light=0.9)), ScorerOptions()), Tally(12)):
        assert program(scene=scene()).parent == "light-4a"


def test_a_program_is_saved_and_loaded_as_json(tmp_path):
    compiled = PlaceTurn(RoutingLimits(mode="tournament"))
    compiled.compare.signature = compiled.compare.signature.with_instructions("Score them well.")
    compiled.find.demos = [dspy.Example(new_turn="t", points="p", places=[{"id": 0, "reasoning": "r", "relevance": 1}])]
    compiled.save(str(tmp_path / "program.json"))
    loaded = PlaceTurn(RoutingLimits(mode="tournament"))
    loaded.load(str(tmp_path / "program.json"))
    assert loaded.compare.signature.instructions == "Score them well."
    assert loaded.find.demos[0]["new_turn"] == "t"
    assert loaded.dump_state() == compiled.dump_state()


async def test_a_loaded_program_answers_through_its_predictors(tmp_path):
    compiled = PlaceTurn(RoutingLimits(mode="tournament"))
    compiled.compare.signature = compiled.compare.signature.with_instructions("Score them well.")
    compiled.save(str(tmp_path / "program.json"))
    scorer = FakeScorer(about(light=0.9))
    placer = build_llm(scorer, RoutingLimits(mode="tournament"), program=tmp_path / "program.json")
    placed = await placer.place(scene(), placer.tally(12))
    assert placed.place.parent == "light-4a"
    assert "Score them well." in scorer.prompts[0][0].text


def test_a_program_compiled_for_other_prompts_is_refused(tmp_path):
    file = tmp_path / "program.json"
    PlaceTurn(RoutingLimits(mode="tournament")).save(str(file))
    file.write_text(file.read_text().replace('"prompt_version": 2', '"prompt_version": 0'))
    with pytest.raises(ConfigError, match="graft optimize"):
        build_llm(FakeScorer(), RoutingLimits(mode="tournament"), program=file)


def test_a_program_cannot_bring_a_model_of_its_own(tmp_path):
    program = PlaceTurn(RoutingLimits(mode="tournament"))
    program.set_lm(dspy.LM("openai/somebody-elses", cache=False))
    program.save(str(tmp_path / "program.json"))
    assert "somebody-elses" not in (tmp_path / "program.json").read_text()
    state = program.dump_state()
    state["compare"]["lm"] = {"model": "openai/somebody-elses", "model_type": "chat"}
    loaded = PlaceTurn(RoutingLimits(mode="tournament"))
    loaded.load_state(state)
    assert loaded.compare.lm is None


def test_importing_the_router_brings_neither_dspy_nor_litellm():
    code = "import sys, proxy.routing.router; print(sorted({'dspy', 'litellm', 'openai'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_building_the_llm_scorer_opens_no_connection_and_leaves_litellm_alone():
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from proxy.routing.limits import RoutingLimits\n"
        "from proxy.routing.router import build_llm\n"
        "build_llm(None, RoutingLimits())\n"
        "print('litellm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
