"""What clients do to a history before they send it again; each function here is one habit seen in real clients."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from hypothesis import strategies as st

from tests.chat.road import Json, assistant, system, user

Sent = list[Json]
Habit = Callable[[Sent, st.DataObject], Sent]

WORDS = st.text("abcdefg hij.\n", min_size=1, max_size=30)


def as_it_was(history: Sent, data: st.DataObject) -> Sent:
    return list(history)


def trims_replies(history: Sent, data: st.DataObject) -> Sent:
    return [{**one, "content": one["content"].strip()} if one["role"] == "assistant" else one for one in history]


def sends_parts(history: Sent, data: st.DataObject) -> Sent:
    return [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in history]


def recomposes_letters(history: Sent, data: st.DataObject) -> Sent:
    return [{**one, "content": unicodedata.normalize("NFD", one["content"])} for one in history]


def adds_rules(history: Sent, data: st.DataObject) -> Sent:
    """To some of the user's turns."""
    chosen = data.draw(st.sets(st.integers(0, len(history) - 1)))
    return [
        user(f"{one['content']} <rules>{i}</rules>") if i in chosen and one["role"] == "user" else one
        for i, one in enumerate(history)
    ]


def puts_examples_in_front(history: Sent, data: st.DataObject) -> Sent:
    return [user("An example, please"), assistant("Ok."), *history]


def puts_changing_files_in_front(history: Sent, data: st.DataObject) -> Sent:
    return [user(f"file.py is now: {data.draw(WORDS)}"), assistant("Ok."), *history]


def adds_instructions(history: Sent, data: st.DataObject) -> Sent:
    place = data.draw(st.integers(0, len(history)))
    return [system("Be brief."), *history[:place], system("It is noon."), *history[place:]]


def cuts_the_oldest(history: Sent, data: st.DataObject) -> Sent:
    return history[data.draw(st.integers(0, len(history) - 1)) :]


def summarises(history: Sent, data: st.DataObject) -> Sent:
    """All but the last few turns."""
    turns = len(history) // 2
    kept = data.draw(st.integers(1, turns))
    return [user("Summary: so far we spoke about many things."), *history[-2 * kept :]] if kept < turns else history


HABITS: list[Habit] = [
    as_it_was,
    trims_replies,
    sends_parts,
    recomposes_letters,
    adds_rules,
    puts_examples_in_front,
    puts_changing_files_in_front,
    adds_instructions,
    cuts_the_oldest,
    summarises,
]
