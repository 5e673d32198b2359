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
        assert read.tokens(said).tolist() == tokenizer.encode(said, add_special_tokens=False).ids


def test_no_token_reaches_over_the_edge_of_a_word(tokenizer):
    assert [token for token in tokenizer.get_vocab() if "\u2581" in token.lstrip("\u2581")] == []


def test_few_words_are_held_and_none_that_is_very_long(tokenizer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pieces, "KEPT_WORDS", 50)
    read = Pieces(tokenizer.model)
    for said in SAID:
        read.tokens(said)
        assert len(read._known) <= 50 + max(said.count(" ") + 1 for said in SAID)
        assert all(len(word) <= pieces.LONGEST for word in read._known)


def test_words_are_forgotten(tokenizer):
    read = Pieces(tokenizer.model)
    read.tokens("Ann's secret")
    read.forget()
    assert not read._known
    assert read.tokens("Ann's secret").tolist() == tokenizer.encode("Ann's secret", add_special_tokens=False).ids


def test_every_half_is_read_as_the_number_that_it_is():
    rows = np.asarray(_safetensors(ROWS)[:500])
    edges = np.array([0, -0.0, 6e-8, -6e-8, 6.1e-5, 65_504, -65_504, 1, -1.5], np.float16)
    for halves in (rows, edges):
        assert np.array_equal(_shrunk(halves) * np.float32(2.0**112), halves.astype(np.float32))
