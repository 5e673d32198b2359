"""Titles: what a model is shown, what becomes of its answer, and what stands for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from proxy.distil.title import LETTERS, Titles, conversation, extracted, neat
from proxy.domain.message import Message, said
from proxy.domain.ports import ScorerReply
from proxy.errors import ConfigError, UpstreamError

pytestmark = pytest.mark.anyio

LOCKS = [
    said("system", "You know canals."),
    said("user", "Hello there! How deep is the lock at Gatun?"),
    said("assistant", "<think>They mean the old one.</think>Twelve metres."),
]


class Scripted:
    """A model that gives one answer, and keeps what it was shown."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.shown = ""

    async def __call__(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        self.shown += "\n".join(message.text for message in messages)
        if isinstance(self.answer, Exception):
            raise self.answer
        return ScorerReply(self.answer)


def titles(model: Scripted) -> tuple[Titles, list[str]]:
    asked: list[str] = []

    def scorer(name: str) -> Callable[..., object]:
        asked.append(name)
        if name == "mirror":
            raise ConfigError("mirror writes nothing")
        return model

    return Titles(scorer), asked


async def test_a_model_writes_it_and_is_shown_no_thinking() -> None:
    model = Scripted('{"title": "\\"The lock at Gatun.\\""}')
    write, asked = titles(model)
    told = await write(LOCKS, "gpt")
    assert told is not None
    assert (told.title, told.by, asked) == ("The lock at Gatun", "gpt", ["gpt"])
    assert "Twelve metres." in model.shown
    assert "the old one" not in model.shown
    assert "You know canals." not in model.shown


async def test_an_answer_in_plain_text_is_taken() -> None:
    write, _ = titles(Scripted("Title: The lock at Gatun\n\nI hope this helps!"))
    told = await write(LOCKS, "gpt")
    assert told is not None
    assert (told.title, told.by) == ("The lock at Gatun", "gpt")


@pytest.mark.parametrize("failing", [UpstreamError("no", model="gpt"), ""])
async def test_first_words_stand_for_a_model_that_writes_nothing(failing: str | Exception) -> None:
    write, _ = titles(Scripted(failing))
    told = await write(LOCKS, "gpt")
    assert told is not None
    assert (told.title, told.by) == ("How deep is the lock at Gatun?", "extractive")


async def test_without_a_model_and_with_one_that_cannot_write_first_words_are_taken() -> None:
    write, asked = titles(Scripted("never"))
    assert [told.by for told in (await write(LOCKS), await write(LOCKS, "mirror")) if told] == ["extractive"] * 2
    assert asked == ["mirror"]


async def test_nothing_is_titled_where_nobody_spoke() -> None:
    write, _ = titles(Scripted("never"))
    assert await write([said("system", "You know canals.")], "gpt") is None


async def test_the_configured_model_writes_whoever_answered() -> None:
    asked: list[str] = []

    def scorer(name: str) -> Scripted:
        asked.append(name)
        return Scripted('{"title": "Locks"}')

    await Titles(scorer, "small")(LOCKS, "gpt")
    assert asked == ["small"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("## How deep is it?", "How deep is it?"),
        ("Wie tief ist sie? Und wie breit?", "Wie tief ist sie?"),
        ("word " * 40, "word " * 10 + "word…"),
        ("x" * 200, "x" * (LETTERS - 1) + "…"),
        ("   \n", ""),
        ("Hi!", "Hi!"),
    ],
)
def test_first_words_are_one_sentence_cut_between_words(text: str, title: str) -> None:
    found = extracted([said("user", text)])
    assert found == title
    assert len(found) <= LETTERS


def test_long_conversations_are_shown_in_their_beginning() -> None:
    shown = conversation([said("user", f"{number} " + "x" * 5_000) for number in range(50)])
    assert len(shown) < 5_000
    assert shown.startswith("User: 0 ")


def test_headings_and_quotation_marks_are_taken_off() -> None:
    assert neat('**"Locks: deep ones"**') == "Locks: deep ones"
