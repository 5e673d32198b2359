"""What stands above what the embedded scorer learned: a few rules for what its training data did not hold, or hardly.

A named personality is a wall, a very different system text is strong evidence against a branch, in another language than English it
takes more to leave a conversation, `Shorter, please.` is about the answer just given, a turn that names what it goes back to opens no
topic, and trees of a few exchanges seldom fork. Each rule is a factor on the chances of some classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from proxy.domain.placement import Question
from proxy.routing.decision import CONTINUE, FORK, NEW, RETURN
from proxy.routing.features import Row
from proxy.routing.pairs import PairIndex
from proxy.routing.reading import text
from proxy.routing.reading.again import named_again
from proxy.routing.reading.bare import asks_about_it, names_no_subject
from proxy.routing.reading.cues import brings_its_text, may_work_on_the_answer, works_on_the_answer_alone
from proxy.routing.reading.tongues import tongue_of

AGED_S = 4 * 3600.0
"""A fresh chat's cursor counts half after this time."""

STRANGE = 4.0
"""How much more evidence it takes to leave the end of a conversation in a language that the embedder hardly knows."""

ONE_SHOT = 1e-4
"""What is left of every join's chance where a request without history is a task that brings its own text."""

OF_THE_ANSWER = (1.0, 0.3, 0.05, 0.2)
"""What is left of each class's chance where a turn asks for nothing but a change of the answer just given."""

WITHOUT_SUBJECT = (1.0, 0.3, 0.002, 0.2)
"""The same where a turn names no subject: in another language than the chat's, vectors take it for a new one almost surely."""

ABOUT_IT = (1.0, 1.0, 0.02, 0.3)
"""The same where a short question is about `it`, which only what was said before names."""

NAMED = 0.02
"""What is left of a new topic's chance where a turn says by name that it goes back to the likeliest other conversation."""

SMALL, FORKS_IN_A_SMALL_TREE = 3, 0.2
"""Exchanges of a tree that is smaller than any from which forks were learned, and what is left there of a fork's chance."""

FOREIGN = 0.1
"""What is left of a branch's chance under a wholly different system text."""

SYSTEM_PULL, SYSTEM_NEAR = 14.0, 0.2
"""Where branches have system texts of their own: score for each unit of cosine between text and turn beyond what is usual."""

Correction = tuple[float, Sequence[int]]
"""A factor, and the classes whose chances it changes."""


def adjustments(
    index: PairIndex, active: int, best: int | None, question: Question, said: str | None, vector: Row
) -> Iterator[Correction]:
    """The rules that apply.

    Args:
        active: The pair at the cursor.
        best: A pair of the likeliest other branch, if there is one.
        said: The system text under which the turn is said.
        vector: The turn's.
    """
    yield from _by_speakers(index, active, best, said, vector)
    yield from _by_turn(index, active, best, question)


def _is_named(index: PairIndex, pair: int, turn: str) -> bool:
    """Whether a turn says that it goes back to something that the conversation of a pair speaks of."""
    root = index.root[pair]
    return any((index.root[index.postings.numbers(stem)] == root).any() for stem in named_again(turn))


def is_walled(index: PairIndex, active: int, question: Question) -> bool:
    """Whether the active node, which no history of the client leads to, was said under another personality."""
    told = question.fresh is None and question.cursor is not None
    return not told and index.personalities[active] != question.personality


def pull(index: PairIndex, pair: int, vector: Row) -> float:
    """What a branch's own system text adds to its score: who speaks there (a coach, a tutor) against what the turn is about."""
    system = index.system_vector(pair)
    return 0.0 if system is None else SYSTEM_PULL * (float(system @ vector) - SYSTEM_NEAR)


def _by_speakers(
    index: PairIndex, active: int, best: int | None, said: str | None, vector: Row
) -> Iterator[Correction]:
    """What is left of a branch's chance, or added to it, for the system text under which it was said."""
    for pair, kinds in ((active, (CONTINUE, FORK)), (best, (RETURN,))):
        if pair is not None and (theirs := index.systems[pair]) is not None:
            yield _kinship(said, theirs) * math.exp(max(0.0, pull(index, pair, vector))), kinds


def _by_turn(index: PairIndex, active: int, best: int | None, question: Question) -> Iterator[Correction]:
    """What the kind of turn and the kind of chat change."""
    turn, has_history = question.new_turn, question.fresh is None
    if not has_history or question.cursor is None:
        yield max(0.2, 1 / (1 + question.active_age_s / AGED_S)), (CONTINUE, FORK)
        if is_walled(index, active, question):
            yield 0.0, (CONTINUE, FORK)
    if not has_history and brings_its_text(turn):
        yield ONE_SHOT, (CONTINUE, RETURN, FORK)
    if has_history and names_no_subject(turn):
        yield from ((factor, (kind,)) for kind, factor in enumerate(WITHOUT_SUBJECT))
    elif has_history and may_work_on_the_answer(turn) and works_on_the_answer_alone(turn, index.texts(active)[1]):
        yield from ((factor, (kind,)) for kind, factor in enumerate(OF_THE_ANSWER))
    elif has_history and asks_about_it(turn):
        yield from ((factor, (kind,)) for kind, factor in enumerate(ABOUT_IT))
    if best is not None and _is_named(index, best, turn):
        yield NAMED, (NEW,)
    if len(index) <= SMALL:
        yield FORKS_IN_A_SMALL_TREE, (FORK,)
    if tongue_of(turn) is not None:
        yield STRANGE, (CONTINUE,)
        yield 1 / STRANGE, (FORK,)


def _kinship(ours: str | None, theirs: str) -> float:
    """1 for like system texts (dates and file lists may differ), down to `FOREIGN` for wholly different ones."""
    if ours is None or ours == theirs:
        return 1.0
    a, b = set(text.read(ours).words), set(text.read(theirs).words)
    if not a or not b:
        return 1.0
    likeness = len(a & b) / min(len(a), len(b))
    return min(max(FOREIGN + (1 - FOREIGN) * likeness / 0.6, FOREIGN), 1.0)
