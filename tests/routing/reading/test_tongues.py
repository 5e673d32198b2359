"""Placement in other languages: our own conversations in each, on trees of four, and what may be expected of every one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from proxy.domain.placement import FeedNode, Mark, TreeSlice
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import embedder
from proxy.routing.grove import TreeModel
from proxy.routing.learn.cache import Remembering
from proxy.routing.reading.cues import CUES, read_cues, refers_back
from proxy.routing.reading.plain import PLAIN
from proxy.routing.reading.text import words
from proxy.routing.reading.tongues import TONGUES, tongue_of

TALKS = json.loads((Path(__file__).parent / "tongues.json").read_text(encoding="utf-8"))
LAST = 3
"""The conversation that the client is in where a turn goes back to another one or opens a topic."""


def cases(tongue: str) -> Iterator[Case]:
    """Turns that continue, return and open a topic, on the same four conversations."""
    said = TALKS[tongue]
    for kind in ("continue", "return", "new"):
        for at, entry in enumerate(said[kind]):
            talk, turn = (None, entry) if kind == "new" else entry
            active = talk if kind == "continue" else LAST if talk != LAST else 0
            gold = None if talk is None else NodeId(f"{talk}-3")
            yield Case(
                f"{tongue}-{kind}-{at}",
                tongue,
                kind,
                (),
                turn,
                NodeId(f"{active}-3"),
                (gold,),
                frozenset([None if talk is None else NodeId(f"{talk}-0")]),
                history(tongue, active),
            )


@cache
def history(tongue: str, active: int) -> list[FeedNode]:
    order = [at for at in range(4) if at != active] + [active]
    nodes = []
    for talk in order:
        for at, text in enumerate(TALKS[tongue]["talks"][talk]):
            above = NodeId(f"{talk}-{at - 1}") if at else None
            nodes.append(
                FeedNode(NodeId(f"{talk}-{at}"), above, "assistant" if at % 2 else "user", text, float(len(nodes)))
            )
    return nodes


def placed(scorer: EmbeddedScorer, tongue: str) -> dict[str, int]:
    """Turns put in the right place, by kind."""
    right: dict[str, int] = {}
    for case in cases(tongue):
        model = TreeModel()
        model.apply(TreeSlice(Mark(0, len(case.history)), list(case.history), reset=False))
        found = scorer.attach(model, case.question)
        right[case.kind] = right.get(case.kind, 0) + (found.parent_id in case.gold)
    return right


@pytest.fixture(scope="module", params=["minilm", "static"])
def scorer(request: pytest.FixtureRequest) -> EmbeddedScorer:
    if request.param == "static":
        pytest.importorskip("wordllama")
    return EmbeddedScorer(Remembering(embedder(request.param)), Weights.shipped(request.param))


@pytest.mark.parametrize("tongue", sorted(TALKS))
def test_placement_does_not_collapse_in_another_language(scorer: EmbeddedScorer, tongue: str):
    right = placed(scorer, tongue)
    assert right["continue"] >= 2, right
    assert right["return"] + right["new"] >= 2, right
    assert sum(right.values()) >= 5, right


@pytest.mark.parametrize("tongue", sorted(TONGUES))
def test_the_language_of_most_texts_is_told(tongue: str):
    texts = [text for talk in TALKS[tongue]["talks"] for text in talk] + [case.turn for case in cases(tongue)]
    told = [tongue_of(text) for text in texts]
    assert told.count(tongue) >= 0.8 * len(told)


@pytest.mark.parametrize(
    ("turn", "tongue"),
    [
        ("E se non funziona?", "it"),
        ("Riassumilo in tre punti.", "it"),
        ("Por que é assim?", "pt"),
        ("Resúmelo en tres puntos.", "es"),
        ("Dat laatste begreep ik niet.", "nl"),
        ("Bundan emin misin?", "tr"),
        ("Et si ça ne marche pas ?", "fr"),
    ],
)
def test_languages_that_share_words_are_told_apart_in_a_few_words(turn: str, tongue: str):
    assert tongue_of(turn) == tongue


def test_english_is_never_taken_for_another_language():
    assert {tongue_of(text) for talk in TALKS["en"]["talks"] for text in talk} == {None}
    assert tongue_of("It's a standard lead-acid battery.") is None
    assert tongue_of("I am stressed") is None
    assert tongue_of("") is None


@pytest.mark.parametrize(
    ("turn", "cue"),
    [
        ("Zurück zum Sauerteig: wie viel Salz?", "points back"),
        ("Faites une réponse plus courte, s'il vous plaît.", "works on the answer"),
        ("Nueva pregunta: ¿quién lo escribió?", "opens something new"),
        ("Peki bu neden böyle?", "opens as a continuation"),
        ("Tornando al lievito: quanto sale va nel pane?", "points back"),
        ("Puoi farmi un esempio di questo?", "works on the answer"),
        ("Mudando de assunto: quem escreveu esse livro?", "opens something new"),
        ("E se isso não funcionar?", "opens as a continuation"),
        ("Leg dat eens eenvoudiger uit.", "works on the answer"),
        ("Terug naar het zuurdesem: hoeveel zout?", "points back"),
        ("А если это не так?", "opens as a continuation"),
        ("那么这个呢？", "opens as a continuation"),
    ],
)
def test_a_cue_is_found_in_the_words_of_its_language(turn: str, cue: str):
    assert dict(zip(CUES, read_cues(turn), strict=True))[cue] > 0


def test_what_refers_back_is_named_in_its_language():
    assert refers_back("Bitte etwas kürzer.") == "kürzer"


def test_every_cue_of_a_language_is_one_that_weights_know():
    for tongue in TONGUES.values():
        assert set(tongue.opens) | set(tongue.holds) <= set(CUES)


def test_words_of_a_language_without_spaces_are_pairs_of_characters():
    assert list(words("自行车 chain")) == ["自行", "行车", "chain"]


def test_the_commonest_words_of_a_language_are_left_out_and_endings_cut():
    assert list(words("Wie viel Salz kommt in die Brotteige?")) == ["salz", "kommt", "brotte"]


def test_plain_sentences_say_the_same_in_as_many_languages_as_have_cues():
    assert set(PLAIN) == set(TONGUES)
    assert len({len(sentences) for sentences in PLAIN.values()}) == 1
    for tongue, sentences in PLAIN.items():
        assert sum(tongue_of(sentence) == tongue for sentence in sentences) >= 0.8 * len(sentences)
