"""The tokens of texts, word by word: what a word is made of is asked of the tokenizer once for as long as the word is in use.

It is for byte-pair vocabularies in which a space stands as `▁`, nothing but the beginning of a token may hold one, and the end of a line
is a token of its own. No token reaches over the edge of a word there, so a text's tokens are those of its words, one after another.
"""

from __future__ import annotations

import re
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
        self._known = _Known(model)

    def tokens(self, text: str, most: int) -> NDArray[np.uint16]:
        """The numbers of a text's first tokens."""
        words = _words(text)[:most] if text else []  # each is a token at least
        return np.frombuffer(b"".join(map(self._known.__getitem__, words)), np.uint16)[:most]

    def forget(self) -> None:
        """Hold no words any more."""
        self._known.clear()


class _Known(dict[str, bytes]):
    """The tokens of words, as `_words` tells these; made as they are asked for."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, word: str) -> bytes:
        piece = word if word.startswith("\n") else f"\u2581{word}"
        tokens = array("H", [token.id for token in self._model.tokenize(piece)]).tobytes()
        if len(word) <= LONGEST:
            if len(self) >= KEPT_WORDS:
                self.clear()
            self[word] = tokens
        return tokens


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
