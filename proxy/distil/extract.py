"""A memory without a model: sentences picked from what was said, never written anew, and it says so.

The title and the problem are the beginning of the branch in its user's words; the solution is what the answers come back to most; facts
are what the user told of themselves and of their case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from proxy.domain.memory import Told

TITLE_MAX: Final = 80
PART_MAX: Final = 600
"""Characters of the problem and of the solution."""
FACTS: Final = 5
SENTENCES: Final = 3
"""Most sentences of the solution."""
READ: Final = 400
"""Sentences of each side that are looked at: the newest."""

_SENTENCE: Final = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+(?=\s|$)|[。！？]|(?=\n)|\Z|[.!?](?=\S))+", re.UNICODE)  # noqa: RUF001
_WORD: Final = re.compile(r"\w{4,}")
_OWN: Final = re.compile(
    r"\b(?:I|I'm|I've|my|our|we|we're|ich|mein|meine|wir|unser|je|mon|ma|nous|yo|mi)\b", re.IGNORECASE
)
_FENCE: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_MARKS: Final = re.compile(r"^[\s#>*+-]+(?=\S)|\*\*|__|`")


class Said(NamedTuple):
    """One message, as text."""

    role: str
    text: str


def extract(conversation: Sequence[Said]) -> Told:
    """A memory of a conversation. It needs one message with text, whoever said it."""
    asked = [sentence for one in conversation if one.role == "user" for sentence in sentences(one.text)]
    answered = [sentence for one in conversation if one.role == "assistant" for sentence in sentences(one.text)]
    opening = asked or answered
    weight = Counter(word for sentence in (asked + answered)[-2 * READ :] for word in _words(sentence))
    return Told(
        title=clipped(opening[0] if opening else "", TITLE_MAX),
        problem=_joined(_questions(asked)),
        solution=_joined(_heaviest(answered[-READ:], weight)),
        facts=tuple(clipped(fact, PART_MAX) for fact in _facts(asked[-READ:])),
    )


def sentences(text: str) -> list[str]:
    """The sentences of a text, without code blocks and the marks of Markdown."""
    found = (_MARKS.sub("", one).strip() for one in _SENTENCE.findall(_FENCE.sub("\n", text)))
    return [one for one in found if re.search(r"\w", one)]


def clipped(text: str, most: int) -> str:
    """A text on one line, cut between two words."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return f"{head.rpartition(' ')[0] or head}…"


def _questions(asked: Sequence[str]) -> list[str]:
    """What was asked first and last; without a question, how it began."""
    questions = [one for one in asked if one.rstrip().endswith(("?", "？"))] or list(asked[:1])  # noqa: RUF001
    return list(dict.fromkeys([*questions[:1], *questions[-1:]]))


def _heaviest(answered: Sequence[str], weight: Counter[str]) -> list[str]:
    """The sentences with the words that are said most, in the order in which they were said."""

    def score(sentence: str) -> float:
        words = _words(sentence)
        return sum(weight[word] for word in words) / (len(words) + 4) if words else 0.0

    best = sorted(range(len(answered)), key=lambda i: (-score(answered[i]), -i))[:SENTENCES]
    return [answered[i] for i in sorted(best)]


def _facts(asked: Sequence[str]) -> list[str]:
    """What the user says of their own case: statements in the first person, or with a number; the newest."""
    told = [one for one in asked if not one.rstrip().endswith("?") and (_OWN.search(one) or re.search(r"\d", one))]
    return list(dict.fromkeys(told))[-FACTS:]


def _joined(parts: Sequence[str]) -> str:
    return clipped(" ".join(parts), PART_MAX)


def _words(sentence: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(sentence)}
