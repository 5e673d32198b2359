"""Branches distilled by a scripted model, and without one: what goes in, what comes out, and what happens when a model fails."""

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.context.marking import marked, without_placed
from proxy.distil.extract import PART_MAX, TITLE_MAX, Said, extract, sentences
from proxy.distil.memorize import Writer, memorize, shown, spoken
from proxy.domain.message import Message, said
from proxy.domain.ports import ScorerReply
from proxy.domain.tree import Node, NodeId, TreeId
from proxy.errors import InvalidRequest, UpstreamUnreachable

pytestmark = pytest.mark.anyio

ANSWER = {"title": "The pale crust", "problem": "It stays pale.", "solution": "Bake longer.", "facts": ["230 degrees."]}
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


class Model:
    """Answers with scripted texts, or raises; keeps what it was asked."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []
        self.options: list[Mapping[str, object]] = []

    async def __call__(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        self.prompts.append("\n".join(message.text for message in messages))
        self.options.append(options)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ScorerReply(answer, 10, 5, "stop")

    def writer(self, **options) -> Writer:
        return Writer(self, "gpt", options.get("window", 8_000), options.get("schema", False))


def path(*messages: Message | str) -> list[Node]:
    """What was said in turns, the user's first."""
    nodes: list[Node] = []
    for number, message in enumerate(messages):
        whole = said("assistant" if number % 2 else "user", message) if isinstance(message, str) else message
        nodes.append(Node(NodeId(f"n_{number}"), TreeId("t"), nodes[-1].id if nodes else None, whole, "whole", 1.0))
    return nodes


BREAD = path(
    "My oven reaches 230 degrees. Why does the crust of my bread stay pale?",
    "A crust needs heat. Bake the bread ten minutes longer, the last ten without the lid. Enjoy!",
)


async def test_a_model_writes_title_problem_solution_and_facts():
    model = Model(json.dumps(ANSWER))
    made = await memorize(BREAD, model.writer(), without_placed)
    assert (made.model, made.why, made.redacted) == ("gpt", None, 0)
    assert (made.told.title, made.told.problem, made.told.solution) == (
        "The pale crust",
        "It stays pale.",
        "Bake longer.",
    )
    assert made.told.facts == ("230 degrees.",)
    assert "user: My oven reaches 230 degrees." in model.prompts[0]
    assert len(model.prompts) == 1


async def test_an_answer_that_says_too_much_is_cut():
    answer = {
        **ANSWER,
        "title": "word " * 100,
        "problem": "word " * 1000,
        "facts": ["same"] * 9 + [str(i) for i in range(9)],
    }
    told = (await memorize(BREAD, Model(json.dumps(answer)).writer(), without_placed)).told
    assert len(told.title) <= TITLE_MAX
    assert len(told.problem) <= PART_MAX
    assert told.facts == ("same", "0", "1", "2", "3")


async def test_a_model_is_asked_for_a_schema_only_where_it_honours_one_and_for_no_more_than_its_window_has():
    plain, strict = Model(json.dumps(ANSWER)), Model(json.dumps(ANSWER))
    await memorize(BREAD, plain.writer(window=2_000), without_placed)
    await memorize(BREAD, strict.writer(schema=True), without_placed)
    assert plain.options[0]["max_tokens"] == 500
    assert "response_format" not in plain.options[0]
    assert strict.options[0]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    "answer",
    [
        "I cannot do that.",
        "",
        json.dumps({**ANSWER, "title": " "}),
        json.dumps({"title": "x", "problem": "", "solution": "", "facts": []}),
        json.dumps({"title": "only this"}),
        UpstreamUnreachable("No connection.", model="gpt"),
    ],
)
async def test_a_model_that_fails_fails_nothing_and_the_answer_says_so(answer: str | Exception):
    made = await memorize(BREAD, Model(answer).writer(), without_placed)
    assert made.model is None
    assert made.why is not None
    assert made.why.startswith("The model 'gpt' gave no memory: ")
    assert made.told == extract(spoken(BREAD, without_placed)[0])


async def test_without_a_model_sentences_are_picked_and_none_is_written_anew():
    made = await memorize(BREAD, None, without_placed)
    assert (made.model, made.why) == (None, None)
    assert made.told.title == "My oven reaches 230 degrees."
    assert made.told.problem == "Why does the crust of my bread stay pale?"
    assert "Bake the bread ten minutes longer, the last ten without the lid." in made.told.solution
    assert made.told.facts == ("My oven reaches 230 degrees.",)


async def test_what_graft_placed_what_was_thought_and_secrets_reach_neither_model_nor_memory():
    placed = marked("memory", "memory:m_1", "The attic is haunted.")
    said_so = path(
        said("system", "Mind the cellar."),
        said("user", f"{placed}\nWhere is the harp? My key is {KEY}."),
        Message(
            {
                "role": "assistant",
                "content": "<think>Under the stairs?</think>In the hall.",
                "reasoning_content": "Hm, loft",
            }
        ),
        Message({"role": "tool", "tool_call_id": "c", "content": "garage"}),
    )
    model = Model(json.dumps({**ANSWER, "solution": f"Use {KEY}."}))
    for writer in (model.writer(), None):
        made = await memorize(said_so, writer, without_placed)
        everything = made.told.text + "".join(model.prompts)
        for word in ("haunted", "cellar", "stairs", "loft", "garage", KEY):
            assert word not in everything, word
        assert "hall" in everything
        assert made.redacted == (2 if writer else 1)


async def test_a_branch_without_words_is_refused():
    silent = path(
        said("system", "Be brief."),
        Message({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
    )
    with pytest.raises(InvalidRequest, match="nothing to remember"):
        await memorize(silent, None, without_placed)


async def test_a_long_branch_is_shown_by_its_beginning_and_its_end():
    model = Model(json.dumps(ANSWER))
    long = path("First of all.", *(f"Message {i} about nothing much." for i in range(2_000)), "Last of all.")
    await memorize(long, model.writer(window=4_000), without_placed)
    assert "First of all." in model.prompts[0]
    assert "Last of all." in model.prompts[0]
    assert len(model.prompts[0]) < 4_000 * 0.5 * 3 + 4_000


def test_a_short_conversation_is_shown_whole():
    assert shown([Said("user", "a"), Said("assistant", "b")], 100) == "user: a\n\nassistant: b"


TEXT = st.lists(st.sampled_from([*"ab .!?\n#*`é。", "ich ", "1 ", "```"]), max_size=80).map("".join)


@settings(max_examples=120, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6))
def test_whatever_was_said_a_picked_memory_keeps_its_bounds_and_invents_nothing(texts: list[str]):
    conversation = [Said("assistant" if i % 2 else "user", text) for i, text in enumerate(texts)]
    told = extract(conversation)
    assert len(told.title) <= TITLE_MAX
    assert len(told.problem) <= PART_MAX
    assert len(told.solution) <= PART_MAX
    known = {" ".join(one.split()) for text in texts for one in sentences(text)}
    assert all(fact in known for fact in told.facts)
    assert not told.title or told.title in known or told.title.endswith("…")
