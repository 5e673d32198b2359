"""The tokens of texts, word by word: what a word is made of is asked of the tokenizer once for as long as the word is in use.

It is for byte-pair vocabularies in which a space stands as `▁`, and in which nothing but the beginning of a token may hold one. No
token reaches over the edge of a word there, so a text's tokens are those of its words, one after another.
"""

from __future__ import annotations

import re
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT_WORDS = 8_192
"""Most that are held; then all are let go, for the common ones come again soon."""
LONGEST = 24
"""Characters of the longest word that is held."""

_WORD = re.compile("\u2581(\u2581*[^\u2581]*)")
_UNEVEN = re.compile("^ |  | $|\u2581")
"""Where words are not parted by single spaces."""


class Pieces:
    """Reads texts by a tokenizer's model. May be used from any thread."""

    def __init__(self, model: Any) -> None:
        """Take the `model` of a tokenizer of `tokenizers`, whose vocabulary has at most 65,536 tokens."""
        self._model = model
        self._lock = threading.Lock()
        self._known: dict[str, bytes] = {}

    def tokens(self, text: str) -> NDArray[np.uint16]:
        """The numbers of a text's tokens."""
        words = _words(text) if text else []
        with self._lock:
            known = self._known
            new = {*words}.difference(known)
            if new:
                if len(known) > KEPT_WORDS:
                    known.clear()
                    new = {*words}
                known.update((word, self._spelt(word)) for word in new)
            found = b"".join(map(known.__getitem__, words))
            for word in new:
                if len(word) > LONGEST:
                    del known[word]
        return np.frombuffer(found, np.uint16)

    def forget(self) -> None:
        """Hold no words any more."""
        with self._lock:
            self._known.clear()

    def _spelt(self, word: str) -> bytes:
        return np.array([token.id for token in self._model.tokenize(f"\u2581{word}")], np.uint16).tobytes()


def _words(text: str) -> list[str]:
    """The words of a text, each without the space before it; more spaces than one stand at the beginning of the next word."""
    if _UNEVEN.search(text) is None:
        return text.split(" ")
    found: list[str] = _WORD.findall("\u2581" + text.replace(" ", "\u2581"))
    return found
