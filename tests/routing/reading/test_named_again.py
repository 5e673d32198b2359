"""What a turn says it goes back to is read from its beginning, in words."""

from __future__ import annotations

import pytest

from proxy.routing.reading.again import named_again
from proxy.routing.reading.text import words


@pytest.mark.parametrize(
    ("turn", "named"),
    [
        ("Back to the sourdough: my loaf comes out flat.", "sourdough"),
        ("Lisbon once more: do we need to book the train?", "Lisbon"),
        ("On the pendulum again: how long is its period on the Moon?", "pendulum"),
        ("Going back to the beans, when can I sow them?", "beans"),
        ("Zurück zu den Bohnen: wann kann ich sie säen?", "Bohnen"),
        ("Возвращаясь к фасоли: когда её сеять?", "фасоли"),
        ("回到豆子: 什么时候可以播种?", "豆子"),
    ],
)
def test_a_turn_that_names_what_it_goes_back_to(turn: str, named: str):
    assert set(words(named)) <= set(named_again(turn))


@pytest.mark.parametrize(
    "turn",
    [
        "When I go back to work, should I tell them?",
        "I went to Lisbon: the trams were full.",
        "New question, not the one about bread again: which houseplant survives?",
        "Is it safe to go back to work after the flu?",
        "Python: how do I cancel a task?",
        "",
    ],
)
def test_a_turn_that_names_nothing_it_goes_back_to(turn: str):
    assert named_again(turn) == []
