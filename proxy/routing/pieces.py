"""The tokens of texts, word by word: what a word is made of is asked of the tokenizer once for as long as the word is in use.

It is for byte-pair vocabularies in which a space stands as `▁`, nothing but the beginning of a token may hold one, and the end of a line
is a token of its own. No token reaches over the edge of a word there, so a text's tokens are those of its words, one after another.
"""

from __future__ import annotations

import re
import threading
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEPT_WORDS = 8_192
"""Most that are held; then all are let go, for the common ones come again soon."""
LONGEST = 24
"""Characters of the longest word that is held."""

_WORD = re.compile("\u2581+[^\u2581\n]*|\n[^\u2581\n]*")


class Pieces:
    """Reads texts by a tokenizer's model. May be used from any thread."""

    def __init__(self, model: Any) -> None:
        """Take the `model` of a tokenizer of `tokenizers`, whose vocabulary has at most 65,536 tokens."""
        self._model = model
        self._lock = threading.Lock()
        self._known: dict[str, bytes] = {}
        """Tokens of words, as `_words` tells them."""

    def tokens(self, text: str, most: int) -> NDArray[np.uint16]:
        """The numbers of a text's first tokens."""
        words = _words(text)[:most] if text else []  # each is a token at least
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
        return np.frombuffer(found, np.uint16)[:most]

    def forget(self) -> None:
        """Hold no words any more."""
        with self._lock:
            self._known.clear()

    def _spelt(self, word: str) -> bytes:
        piece = word if word.startswith("\n") else f"\u2581{word}"
        return array("H", [token.id for token in self._model.tokenize(piece)]).tobytes()


def _words(text: str) -> list[str]:
    """The words of a text, each without the space before it, or with the end of the line before it; more spaces than one stand at the
    beginning of the next word.
    """
    if _is_even(text):
        return text.replace("\n", " \n").split(" ")
    found: list[str] = _WORD.findall("\u2581" + text.replace(" ", "\u2581"))
    return [word.removeprefix("\u2581") for word in found]


def _is_even(text: str) -> bool:
    """Whether words are parted by single spaces, or by ends of lines."""
    if text.startswith(" ") or text.endswith(" ") or "  " in text or " \n" in text:
        return False
    return text.isascii() or "\u2581" not in text
