"""Packed postings say what lists of numbers would say."""

import random

import numpy as np
import pytest

from proxy.routing.postings import FREQUENT, Gaps, Postings


def plain(noted: list[tuple[set[str], int]]) -> dict[str, list[int]]:
    """The same as lists: a pair that comes twice in a row is noted once."""
    held: dict[str, list[int]] = {}
    for words, pair in noted:
        for word in words:
            numbers = held.setdefault(word, [])
            if not numbers or numbers[-1] != pair:
                numbers.append(pair)
    return held


@pytest.mark.parametrize("seed", range(8))
def test_what_is_noted_is_found_again_however_frequent_and_in_whatever_order(seed: int):
    chance = random.Random(seed)
    shares = {"often": 0.9, "now and then": 0.05, "seldom": 0.004, "hardly": 0.0005}
    noted = []
    for pair in range(5_000):
        at = pair if chance.random() < 0.97 else chance.randrange(pair + 1)  # an old pair goes on
        noted.append(({word for word, share in shares.items() if chance.random() < share}, at))
    postings = Postings()
    for words, pair in noted:
        postings.add(words, pair)
    expected = plain(noted)
    assert set(postings) == set(expected)
    for word, numbers in expected.items():
        assert sorted(np.asarray(postings[word]).tolist()) == sorted(numbers)
        assert postings.count(word) == len(numbers)
        assert sorted(postings.numbers(word).tolist()) == sorted(numbers)


def test_a_word_that_nobody_used_is_held_by_no_pair():
    postings = Postings()
    assert (postings.count("x"), postings.get("x"), "x" in postings) == (0, None, False)
    assert len(postings.numbers("x")) == 0


@pytest.mark.parametrize("gap", [1, 2, 254, 255, 256, 509, 510, 511, 70_000])
def test_gaps_of_every_length_are_unpacked(gap: int):
    numbers = [3, *range(3 + gap, 3 + 40 * gap, gap)]
    assert Gaps(numbers).numbers().tolist() == numbers


def test_a_frequent_word_takes_little_more_than_a_byte_a_pair():
    postings = Postings()
    for pair in range(0, 60 * FREQUENT, 3):
        postings.add({"word"}, pair)
    held = postings._of["word"]
    assert isinstance(held, Gaps)
    assert len(held._gaps) == held.count
