"""DSPy's optimizers on our program, for real; only the model behind them is scripted."""

import asyncio
import importlib.util
import json

import pytest

from proxy.errors import ConfigError, InvalidRequest
from proxy.routing import optimizing
from proxy.routing.bench.cases import Case
from proxy.routing.limits import RoutingLimits
from proxy.routing.place_turn import PlaceTurn
from proxy.routing.router import build_llm
from tests.doubles.scenery import FakeGate, FakeScorer, Planting

pytestmark = pytest.mark.anyio

LIMITS = RoutingLimits(mode="tournament")
TOPICS = ["bread", "light", "train", "chess", "cello", "paint", "river", "steel", "clock", "honey"]


def case(topic: str, other: str, kind: str) -> Case:
    """A turn that goes back to one of two conversations; the plain ones are easier than the others."""
    planting = Planting()
    right = planting.talk(topic)
    wrong = planting.talk(other)
    turn = f"{kind} words about {topic}"
    history = planting.nodes
    return Case(turn, "made", "return", (), turn, wrong, (right,), frozenset([history[0].id]), history)


def cases() -> list[Case]:
    return [
        case(topic, TOPICS[(at + 5) % len(TOPICS)], kind)
        for kind in ("plain", "dim")
        for at, topic in enumerate(TOPICS[:5])
    ]


PROPOSING = ("observations", "summary", "program_description", "module_description", "proposed_instruction")
"""What MIPROv2 asks a model for on its way to new instructions."""


class Learner(FakeScorer):
    """A model that understands dim words only once it was shown examples."""

    def _text(self, call: int) -> str:
        prompt = self.prompts[call]
        asked = prompt[-1].text
        if "Respond with a JSON object" in asked and "`scores`" not in asked and "`best`" not in asked:
            return json.dumps(dict.fromkeys(PROPOSING, "Score every window by what the message is about."))
        if "Your task is to write a new instruction" in asked or "<point id=" in asked:
            return "```\nScore every window by what the message is about.\n```"
        topic = next(topic for topic in TOPICS if f"words about {topic}" in asked)
        understands = "plain words" in asked or len(prompt) > 2
        self.like = lambda text: 0.9 if (topic in text) == understands else 0.1
        return super()._text(call)


def test_a_split_keeps_dialogues_apart():
    turns = optimizing.posed(cases(), FakeGate(), LIMITS)
    train, judge = optimizing.split(turns)
    names = [{optimizing.concerned(turn.case)[0] for turn in part} for part in (train, judge)]
    assert names[0].isdisjoint(names[1])
    assert not names[1] & {optimizing.concerned(turn.case)[1] for turn in train}
    assert optimizing.split(turns) == (train, judge)


def test_too_few_dialogues_are_refused():
    with pytest.raises(InvalidRequest, match="cannot be split"):
        optimizing.split(optimizing.posed(cases()[:1], FakeGate(), LIMITS))


async def test_bootstrapped_examples_make_the_model_understand(tmp_path):
    scorer, heard = Learner(), []
    train, judge = optimizing.split(optimizing.posed(cases(), FakeGate(), LIMITS))
    run = optimizing.Compiling(scorer, LIMITS, heard.append)

    def work():
        before = run.judge(PlaceTurn(LIMITS), judge, 100)
        program = run.compile("bootstrap", train, 100)
        return before, program, run.judge(program, judge, 100)

    before, program, after = await asyncio.to_thread(work)
    gold = {turn.case.id: turn.case.gold[0] for turn in judge}
    right = [sum(gold[one.case_id] == one.parent_id for one in made) for made in (before, after)]
    assert right[0] < right[1] == len(judge)
    assert heard == list(range(1, scorer.calls + 1))
    file = tmp_path / "new" / "program.json"
    optimizing.save(program, file)
    assert json.loads(file.read_text())["compare"]["demos"]
    placer = build_llm(scorer, LIMITS, program=file)
    dim = next(turn for turn in judge if "dim" in turn.case.turn)
    placed = await placer.place(dim.scene, placer.tally(12))
    assert placed.place.parent == dim.case.gold[0]


@pytest.mark.parametrize("optimizer", ["bootstrap", "gepa", "simba"])
async def test_no_optimizer_asks_for_more_than_its_budget(optimizer):
    scorer = Learner()
    train, judge = optimizing.split(optimizing.posed(cases(), FakeGate(), LIMITS))
    run = optimizing.Compiling(scorer, LIMITS, lambda _: None)
    program = await asyncio.to_thread(run.compile, optimizer, train, 40)
    assert 0 < run.calls == scorer.calls <= 40
    assert isinstance(program, PlaceTurn)
    assert "Learner" not in json.dumps(program.dump_state())
    made = await asyncio.to_thread(run.judge, program, judge, 100)
    assert made


async def test_what_an_optimizer_leaves_on_a_program_is_no_part_of_it():
    _train, judge = optimizing.split(optimizing.posed(cases(), FakeGate(), LIMITS))
    run = optimizing.Compiling(Learner(), LIMITS, lambda _: None)
    program = optimizing.Student(LIMITS)
    program.score, program.trial_logs, program.total_calls = 0.5, {1: {"score": 0.5}}, 7
    program.candidate_programs = [{"score": 0.5, "program": program.deepcopy()}]
    assert await asyncio.to_thread(run.judge, program, judge, 100)
    assert set(program.dump_state()) == {"compare", "find", "rank", "prompt_version"}


@pytest.mark.filterwarnings("ignore:.*multivariate:Warning")  # DSPy's use of Optuna
async def test_a_program_of_miprov2_is_saved_read_and_used(tmp_path):
    scorer, file = Learner(), tmp_path / "program.json"
    train, judge = optimizing.split(optimizing.posed(cases(), FakeGate(), LIMITS))
    run = optimizing.Compiling(scorer, LIMITS, lambda _: None)
    program = await asyncio.to_thread(run.compile, "mipro", train, 100)
    assert run.calls <= 100
    assert await asyncio.to_thread(run.judge, program, judge, 100)
    optimizing.save(program, file)
    placer = build_llm(scorer, LIMITS, program=file)
    assert await placer.place(judge[0].scene, placer.tally(12))


def test_a_program_with_a_part_missing_is_refused():
    state = PlaceTurn(LIMITS).dump_state()
    del state["find"]
    with pytest.raises(ConfigError, match="lacks find"):
        PlaceTurn(LIMITS).load_state(state)


async def test_a_model_that_fails_places_nothing_and_stops_nothing():
    scorer = FakeScorer()
    scorer.texts = [RuntimeError("down"), "I would rather not."] * 50
    turns = optimizing.posed(cases(), FakeGate(), LIMITS)
    run = optimizing.Compiling(scorer, LIMITS, lambda _: None)
    assert await asyncio.to_thread(run.judge, PlaceTurn(LIMITS), turns, 100) == []
    program = await asyncio.to_thread(run.compile, "bootstrap", turns, 100)
    assert program.compare.demos == []


def test_a_library_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install optuna"):
        optimizing.check("mipro")
    optimizing.check("bootstrap")
