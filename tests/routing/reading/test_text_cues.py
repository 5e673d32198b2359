"""What is read off a turn without a model."""

import random
import re

import pytest

from proxy.routing.reading import cues, text
from proxy.routing.reading.plain_phrases import spellings


def cue(name: str, turn: str) -> float:
    return dict(zip(cues.CUES, cues.read_cues(turn), strict=True))[name]


def test_words_are_stemmed_and_common_ones_left_out():
    assert list(text.words("The trams were hiking")) == ["tram", "hik"]


def test_a_follow_up_shows_by_its_cues():
    assert cue("works on the answer", "make it shorter") > 0
    assert cue("opens as an answer", "Yes, please.") == 1
    assert cue("points back", "Back to the Lisbon trip") > 0
    assert cue("opens something new", "New question: why is the sky blue?") > 0


def test_plain_english_is_read_as_english_is_whatever_its_words():
    chance = random.Random("cues")
    phrases = " ".join([*cues._OPENS.values(), *cues._HOLDS.values()])
    held = [
        *re.sub(r"\(\?:|[|)]", " ", phrases).replace("[sz]", "s").replace("?", "").split(),
        "it's",
        "it_",
        "_it",
        "i'm",
        "x1",
        "42",
    ]
    told = 0
    for _ in range(4_000):
        said = chance.choice((" ", " ", ", ", "\n", "-", "'")).join(chance.choices(held, k=chance.randrange(1, 30)))
        expected = cues.ENGLISH.found(said)
        assert cues.PLAIN_ENGLISH.found(said) == expected
        assert cues.ENGLISH.found(said.upper()) == expected
        told += sum(map(bool, expected.values()))
    assert told > 8_000


def test_names_and_numbers_are_found_within_sentences():
    assert {"alfama", "28"} <= text.names("does tram 28 go to Alfama")


def test_the_words_that_refer_back_are_named():
    assert cues.refers_back("a shorter one please") == "shorter"
    assert cues.refers_back("Who won the cup?") is None


@pytest.mark.parametrize(
    ("turn", "brings"),
    [
        ("Summarize the following:\n\nThe lock holds back the canal.", True),
        ("Is this message spam?\nMessage: you won a boat", True),
        ("Translate it to French", False),
        ("Thanks!\n\nAnd how long does it take?", False),
        ("Summarize the following:\n\n", False),
    ],
)
def test_a_task_with_its_text_needs_nothing_said_before(turn: str, brings: bool):
    assert cues.brings_its_text(turn) is brings


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ("Explique-moi la photosynthèse, dans les plantes.", None),
        ("La source dit-elle que ça suffit pour les plantes ?", "ça"),
        ("Make that answer shorter, please.", "make that"),
        ("Is it far, and is that why?", "it"),
    ],
)
def test_an_article_is_no_reason_to_show(turn: str, said: str | None):
    assert cues.refers_back(turn) == said


@pytest.mark.parametrize(
    "turn",
    [
        "Shorter, please.",
        "Can you give me an example of that?",
        "But why?",
        "Translate it into Polish.",
        "Noch etwas kürzer bitte.",
    ],
)
def test_a_turn_that_asks_only_for_a_change_of_the_answer_is_known(turn: str):
    assert cues.works_on_the_answer_alone(turn)


@pytest.mark.parametrize(
    "turn",
    [
        "Give me an example of a palindrome.",
        "Translate \u201cgood morning, neighbour\u201d into Polish.",
        "Why do cats purr?",
        "New question: why?",
        "Summarize the plot of Hamlet",
        "What is the capital of Mongolia?",
        "Make it shorter:\nThe boat lies in the harbour.",
    ],
)
def test_a_turn_with_a_subject_of_its_own_is_not_about_the_answer_alone(turn: str):
    assert not cues.works_on_the_answer_alone(turn)


def test_a_short_turn_is_read_in_the_language_of_the_answer_too():
    assert not cues.works_on_the_answer_alone("Daha basit anlat.")
    assert cues.works_on_the_answer_alone(
        "Daha basit anlat.",
        "S\u00fct\u00fc kaynat\u0131p \u0131l\u0131t\u0131n ve bir ka\u015f\u0131k yo\u011furtla mayalay\u0131n.",
    )


def test_the_spellings_of_a_pattern_are_all_that_it_stands_for():
    told = spellings("(?:return(?:ing)?|back) to|summari[sz]es?|a(?:n|ny)? b")
    twice = ["summarise", "summarises", "summarize", "summarizes"]
    assert sorted(told) == sorted(["return to", "returning to", "back to", *twice, "a b", "an b", "any b"])


def test_each_phrase_of_plain_english_is_found_by_itself():
    for name, said in cues._HOLDS.items():
        for phrase in spellings(said):
            assert cues.PLAIN_ENGLISH.found(phrase)[name] > 0
