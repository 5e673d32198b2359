"""Texts that are read word by word have the tokens that the tokenizer gives them as a whole."""

from __future__ import annotations

import random

import numpy as np
import pytest

from proxy.routing import pieces
from proxy.routing.embedder import Static, _safetensors, _shrunk
from proxy.routing.pieces import Pieces
from tests.bench import texts

tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("wordllama")

ALL = 10_000
VOCABULARY, ROWS = Static().files()
CHANCE = random.Random(7)
SAID = (
    *(texts.say(CHANCE, topic) for topic in texts.TOPICS),
    'def ask(self) -> None:\n    """Say it."""\n    for at in range(3):\n        print(f"{at:>8}", end="\\t")  # aligned\n',
    *(
        "",
        " ",
        "   ",
        "a  b   c ",
        " leading",
        "trailing ",
        "one\ntwo\n\n  three\t four",
        "one\ntwo\n\nthree\n four\n",
        "\n",
        "\nfive",
        "six \n seven  \neight \n\n nine",
        "1. ten\n2. eleven\n\n- \u2581twelve\n\u2581",
        "can't e.g. U.S. 3.14 (see: x)",
    ),
    *("日本語の テキスト です", "Привет, мир!", "🙂 half \ufffd", "\u2581word \u2581\u2581 a\u2581b", "w" * 900),
)


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizers.Tokenizer.from_file(str(VOCABULARY))


def test_every_text_has_the_tokens_of_the_whole(tokenizer):
    read = Pieces(tokenizer.model)
    for said in (*SAID, *SAID):  # new words, and known ones
        assert read.tokens(said, ALL).tolist() == tokenizer.encode(said, add_special_tokens=False).ids


def test_no_more_tokens_are_read_than_are_asked_for(tokenizer):
    read = Pieces(tokenizer.model)
    for said in SAID:
        assert read.tokens(said, 7).tolist() == read.tokens(said, ALL).tolist()[:7]


def test_no_token_reaches_over_the_edge_of_a_word(tokenizer):
    assert [token for token in tokenizer.get_vocab() if "\u2581" in token.lstrip("\u2581")] == []


def test_the_end_of_a_line_is_a_token_of_its_own(tokenizer):
    assert [token for token in tokenizer.get_vocab() if "\n" in token] == []


def test_few_words_are_held_and_none_that_is_very_long(tokenizer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "KEPT_WORDS", 50)
    read = Pieces(tokenizer.model)
    for said in SAID:
        read.tokens(said, ALL)
        assert len(read._known) <= 50
        assert all(len(word) <= pieces.LONGEST for word in read._known)


def test_words_are_forgotten(tokenizer):
    read = Pieces(tokenizer.model)
    read.tokens("Ann's secret", ALL)
    read.forget()
    assert not read._known
    assert read.tokens("Ann's secret", ALL).tolist() == tokenizer.encode("Ann's secret", add_special_tokens=False).ids


def test_every_half_is_read_as_the_number_that_it_is():
    rows = np.asarray(_safetensors(ROWS)[:500])
    edges = np.array([0, -0.0, 6e-8, -6e-8, 6.1e-5, 65_504, -65_504, 1, -1.5], np.float16)
    for halves in (rows, edges):
        assert np.array_equal(_shrunk(halves) * np.float32(2.0**112), halves.astype(np.float32))
