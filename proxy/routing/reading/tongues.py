"""Languages other than English that a turn may be written in, and how each is told.

Weights were fitted on English alone. A cue found by the words of another language means the same to them, so a few phrases a language
carry over much of what was learned. The names of cues are those of `cues.py`; what a language leaves out is never found in it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import repeat

from proxy.routing.reading.afar import CHINESE, RUSSIAN, TURKISH
from proxy.routing.reading.germanic import DUTCH, GERMAN
from proxy.routing.reading.romance import FRENCH, ITALIAN, PORTUGUESE, SPANISH
from proxy.routing.reading.tongue import Runs, Tongue, said

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]{1,2}\b)?", re.UNICODE)
_PLAIN_WORDS = Runs(string.ascii_lowercase)
"""The same in lower-case ASCII."""
_HEAD = 600
"""Characters that a language is told from."""


@lru_cache(maxsize=64)
def tongue_of(text: str) -> str | None:
    """The language of a text by its script and its commonest words; `None` is English, and whatever is not told."""
    head = text[:_HEAD].lower().replace("\u2019", "'")
    is_ascii = head.isascii()
    if not is_ascii and (script := _told_by_script(head)) is not None:
        return script
    found = _PLAIN_WORDS.of(head) if is_ascii else _WORD.findall(head)
    counts = list(sum(map(_HELD_BY.get, found, repeat(0))).to_bytes(len(_NAMES), "little"))
    if not is_ascii:
        spaced = f" {head} "
        for at, letters_of in _LETTERS.items():
            counts[at] += 2 * any(letter in spaced for letter in letters_of)
    most = max(counts)
    if most <= counts[_ENGLISH]:
        return None
    return _NAMES[counts.index(most)] if most >= min(2, sum(len(word) > 1 for word in found)) else None


def _told_by_script(head: str) -> str | None:
    letters = max(1, sum(map(str.isalpha, head)))
    if 4 * sum(1 for _ in HAN.finditer(head)) > letters:
        return "zh"
    return "ru" if 2 * sum(1 for _ in _CYRILLIC.finditer(head)) > letters else None


TONGUES: Mapping[str, Tongue] = {
    "de": GERMAN,
    "it": ITALIAN,
    "fr": FRENCH,
    "es": SPANISH,
    "tr": TURKISH,
    "ru": RUSSIAN,
    "zh": CHINESE,
    "pt": PORTUGUESE,
    "nl": DUTCH,
}
"""By ISO 639-1 code; where two hold as many words of a text, the first."""

STOP = said(
    """
    a able about above actually after again against ain all also am an and any anything are aren't around as at away
    back be because been before being below between bit both but by can can't come could could've couldn't did didn't do
    does doesn't doing don't down during each either else enough even ever every few find first for from further get
    gets getting give given go goes going gonna good got great had has hasn't have haven't having he hello help her here
    hers herself hey hi him himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself just kind
    know let let's like likes long look looking lot lots made make makes making many may maybe me might mine more most
    much must my myself need needs new no nor not now number of off oh ok okay on once one ones only or other our ours
    ourselves out over own part people please put question quite rather really right same say see seem she should
    shouldn't since so some someone something sort start still stuff such sure take tell than thank thanks that that's
    the their theirs them themselves then there there's these they thing things think this those though through time to
    too try two under until up upon us use used using very want wants was wasn't way we well were weren't what what's
    when where which while who whom whose why will with without won't work would wouldn't yeah year years yes yet you
    you'd you'll you're you've your yours yourself
    """
)
"""English words that are in every conversation."""

_TOLD_BY: Mapping[str, frozenset[str]] = {
    "en": STOP,
    **{name: tongue.stop for name, tongue in TONGUES.items() if name not in ("ru", "zh")},
}
_NAMES = tuple(_TOLD_BY)
_ENGLISH = _NAMES.index("en")
_HELD_BY: Mapping[str, int] = {
    word: sum(1 << 8 * at for at, stop in enumerate(_TOLD_BY.values()) if word in stop)
    for word in frozenset[str]().union(*_TOLD_BY.values())
    if len(word) > 1
}
"""Each common word's languages, as one number with a byte for each: so a text's words of all of them are counted in one sum, as far as
such a word is counted, which fits into a byte for as many words as a head can hold."""
_LETTERS: Mapping[int, Sequence[str]] = {
    _NAMES.index("de"): "ß",
    _NAMES.index("es"): "ñ¿¡",
    _NAMES.index("tr"): "ğış",
    _NAMES.index("fr"): "œ",
    _NAMES.index("it"): ("ò", "ì", " è "),
    _NAMES.index("pt"): ("ã", "õ", " é "),
}
"""By language, letters, and words of one letter, that hardly another of these languages has; none is all ASCII."""
