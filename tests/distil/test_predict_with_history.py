"""Programs that live at a node: they read the path, and append to it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import dspy
import pytest
from dspy.utils import DummyLM
from dspy.utils.exceptions import AdapterParseError

from proxy.distil.path import Path
from proxy.distil.predict_with_history import PredictWithHistory
from proxy.domain.message import said
from proxy.domain.tree import Node, NodeId, TreeId, UserId
from proxy.errors import NotFound
from proxy.store import SqliteStore
from tests.store.client import Client, texts

pytestmark = pytest.mark.anyio
ADA = UserId("ada")


class Tutor(dspy.Signature):
    """You teach physics to a beginner, one small step at a time."""

    question: str = dspy.InputField()
    history: dspy.History = dspy.InputField()
    answer: str = dspy.OutputField()


@pytest.fixture
def lm() -> DummyLM:
    return DummyLM([{"answer": f"answer {number}", "steps": '["look", "weigh"]'} for number in range(1, 6)])


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open("sqlite://:memory:") as opened:
        yield opened


async def tutor_in(store: SqliteStore, lm: DummyLM, signature: Any = Tutor) -> PredictWithHistory:
    tree = await store.tree(ADA, "main")
    program = PredictWithHistory(signature, store, ADA, tree.id)
    program.set_lm(lm)
    return program


def shown(lm: DummyLM, call: int = -1) -> list[tuple[str, str]]:
    """What the model saw after the instructions: who spoke, and the first field's value."""
    messages = lm.history[call]["messages"][1:]
    return [(message["role"], message["content"].split("\n")[1]) for message in messages]


async def test_a_tutor_remembers_the_lesson_and_a_side_question_becomes_a_branch(store: SqliteStore, lm: DummyLM):
    tutor = await tutor_in(store, lm)
    first = await tutor.acall(question="Why is the sky blue?")
    after_first = tutor.node_id
    await tutor.acall(question="Then why are sunsets red?")
    assert first.answer == "answer 1"
    assert shown(lm) == [
        ("user", "Why is the sky blue?"), ("assistant", "answer 1"), ("user", "Then why are sunsets red?")
    ]  # fmt: skip

    aside = tutor.at(after_first)
    await aside.acall(question="What is blue at all?")
    assert shown(lm)[-1] == ("user", "What is blue at all?")
    assert "sunsets" not in str(shown(lm))

    assert texts(await store.path(ADA, tutor.node_id)) == [
        "Why is the sky blue?", "answer 1", "Then why are sunsets red?", "answer 2"
    ]  # fmt: skip
    assert texts(await store.path(ADA, aside.node_id)) == [
        "Why is the sky blue?", "answer 1", "What is blue at all?", "answer 3"
    ]  # fmt: skip
    assert await store.verify() == []


async def test_a_program_goes_on_where_a_chat_stopped(store: SqliteStore, lm: DummyLM):
    client = await Client.of(store, "ada")
    _, answered = await client.say(
        "Why do boats float?", "<think>Density.</think>They push water aside.", system="Be kind."
    )
    tutor = PredictWithHistory(Tutor, store, ADA, client.tree.id, answered)
    tutor.set_lm(lm)
    await tutor.acall(question="And stones?")
    assert shown(lm) == [
        ("user", "Why do boats float?"), ("assistant", "They push water aside."), ("user", "And stones?")
    ]  # fmt: skip


def test_a_script_without_an_event_loop_calls_it_plainly(lm: DummyLM):
    store = asyncio.run(SqliteStore.open("sqlite://:memory:"))
    tutor = asyncio.run(tutor_in(store, lm))
    assert tutor(question="Why is the sky blue?").answer == "answer 1"
    assert tutor(question="Then why are sunsets red?").answer == "answer 2"
    assert len(shown(lm)) == 3
    assert asyncio.run(tutor.told()).messages == [
        {"question": "Why is the sky blue?", "answer": "answer 1"},
        {"question": "Then why are sunsets red?", "answer": "answer 2"},
    ]
    asyncio.run(store.close())


async def test_a_plain_call_inside_an_event_loop_says_what_to_do(store: SqliteStore, lm: DummyLM):
    tutor = await tutor_in(store, lm)
    with pytest.raises(RuntimeError, match="await `acall`"):
        tutor(question="Why is the sky blue?")


async def test_values_beside_the_texts_come_back(store: SqliteStore, lm: DummyLM):
    planner = await tutor_in(store, lm, "question, level: int -> steps: list[str], answer")
    await planner.acall(question="How heavy is air?", level=2)
    told = (await planner.told()).messages
    assert told == [{"question": "How heavy is air?", "level": 2, "steps": ["look", "weigh"], "answer": "answer 1"}]
    await planner.acall(question="And water?", level=3)
    assert "[[ ## level ## ]]\n2" in lm.history[-1]["messages"][1]["content"]
    assert '["look", "weigh"]' in lm.history[-1]["messages"][2]["content"]
    assert texts(await store.path(ADA, planner.node_id))[:2] == ["How heavy is air?", "answer 1"]


async def test_an_answer_that_is_no_text_is_said_as_json(store: SqliteStore, lm: DummyLM):
    planner = await tutor_in(store, lm, "question -> steps: list[str]")
    await planner.acall(question="How heavy is air?")
    assert (await store.path(ADA, planner.node_id))[-1].message.text == '["look", "weigh"]'
    assert (await planner.told()).messages == [{"question": "How heavy is air?", "steps": ["look", "weigh"]}]


async def test_nothing_is_appended_when_the_model_fails(store: SqliteStore):
    counting = await tutor_in(store, DummyLM([{"answer": "many"}] * 3), "question -> answer: int")
    with pytest.raises(AdapterParseError):
        await counting.acall(question="How many moons has Mars?")
    assert counting.node_id is None
    assert [node async for node in store.nodes(ADA, counting.place.tree_id)] == []


async def test_another_users_node_is_unknown(store: SqliteStore, lm: DummyLM):
    client = await Client.of(store, "ada")
    _, answered = await client.say("Why do boats float?")
    bobs = await Client.of(store, "bob")
    thief = PredictWithHistory(Tutor, store, UserId("bob"), bobs.tree.id, answered)
    thief.set_lm(lm)
    with pytest.raises(NotFound):
        await thief.acall(question="What did Ada ask?")
    assert lm.history == []


async def test_two_calls_at_once_become_siblings(store: SqliteStore, lm: DummyLM):
    tutor = await tutor_in(store, lm)
    await asyncio.gather(tutor.acall(question="One?"), tutor.acall(question="Two?"))
    assert {node.parent_id for node in await store.children(ADA, tutor.place.tree_id, None)} == {None}
    assert len(await store.children(ADA, tutor.place.tree_id, None)) == 2


async def test_a_tuned_program_is_saved_loaded_and_copied_with_its_demonstrations(store: SqliteStore, tmp_path):
    tree = await store.tree(ADA, "main")
    tutor = PredictWithHistory(Tutor, store, ADA, tree.id)
    tutor.predict.demos = [dspy.Example(question="What is heat?", answer="Motion.").with_inputs("question")]
    tutor.save(tmp_path / "tutor.json")
    other = PredictWithHistory(Tutor, store, ADA, tree.id)
    other.load(tmp_path / "tutor.json")
    for program in (other, other.at(None), tutor.deepcopy()):
        assert [demo["answer"] for demo in program.predict.demos] == ["Motion."]
        assert program.place.store is store


def at(role: Any, text: str, state: Any = "whole") -> Node:
    return Node(NodeId("n"), TreeId("t"), None, said(role, text), state, 0.0)


def test_a_path_tells_its_answered_turns_alone():
    path = Path(
        [
            at("system", "You know water."),
            at("assistant", "Ask me anything."),
            at("user", "Why is ice light?"),
            at("user", "In short, please."),
            at("assistant", ""),
            at("tool", "density 0.92"),
            at("assistant", "It is less dense."),
            at("user", "And steam?", "unanswered"),
        ]
    )
    assert path.history().messages == [
        {"answer": "Ask me anything."},
        {"question": "Why is ice light?\n\nIn short, please.", "answer": "It is less dense."},
    ]
    assert path.history("asked", "told").messages[1].keys() == {"asked", "told"}
    assert Path([]).history().messages == []
