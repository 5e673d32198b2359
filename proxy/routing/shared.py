"""Which of a turn's words and names the pairs of a tree hold, and the paths above them, and their conversations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from proxy.domain.values import value
from proxy.routing.pairs import PairIndex
from proxy.routing.part import Part
from proxy.routing.reading.text import Reading
from proxy.routing.vectors import Ints

MOST_NAMES = 12

HERE, PATH, CONVERSATION, ASKED = range(4)
"""Where a word stands: in a pair, on its path, in its conversation; or in what the user said in the pair."""


@value(frozen=True, slots=True)
class Shared:
    """What a turn shares with the pairs of a part."""

    words: Sequence[str]
    """The turn's stems, then its names."""
    count: int
    """How many of these are stems."""
    frequency: Sequence[int]
    """How many pairs of the tree hold each stem."""
    flags: NDArray[np.bool_]
    """Whether a word (first axis) stands somewhere (`HERE` and so on, second axis) for a pair of the part (third axis). Names are looked
    for `HERE` and on the `PATH`."""


def share(index: PairIndex, said: Reading, part: Part) -> Shared:
    """Look a turn's words up."""
    words = [*said.stems, *sorted(said.names)[:MOST_NAMES]]
    count = len(said.stems)
    numbers = np.arange(len(words))
    flags = np.zeros((len(words), 4, len(part)), bool)
    frequency, pairs = index.postings.side_by_side(said.stems)
    if len(pairs):
        rows = numbers[:count].repeat(frequency)
        _set(flags, rows, HERE, pairs, part)
        _set(flags, rows, CONVERSATION, index.root.take(pairs), part)
        flags[:count, CONVERSATION] = flags[:count, CONVERSATION].take(part.root, axis=1)
        asked, pairs = index.asked_postings.side_by_side(said.stems)
        _set(flags, numbers[:count].repeat(asked), ASKED, pairs, part)
    named, pairs = index.name_postings.side_by_side(words[count:])
    if len(pairs):
        _set(flags, numbers[count:].repeat(named), HERE, pairs, part)
    held = part.any_above(np.packbits(flags[:, HERE], axis=0))
    flags[:, PATH] = np.unpackbits(held, axis=0, count=len(words))
    return Shared(words, count, frequency, flags)


def _set(flags: NDArray[np.bool_], rows: NDArray[np.intp], where: int, pairs: Ints, part: Part) -> None:
    """Note for those of some pairs that are in the part that they hold a word."""
    places = part.places(pairs)
    if part.pairs is not None:
        held = places >= 0
        rows, places = rows.compress(held), places.compress(held)
    flags[rows, where, places] = True
