"""How a turn follows on from what was said, as its wording tells: ellipsis, pronouns, phrases such as "back to".

What a cue is called stands here with its English phrases; those of other languages stand in `tongues.py`. In a language that is not
there cues are silent, and vectors and shared words decide alone.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from proxy.routing.reading import text
from proxy.routing.reading.plain_phrases import PlainPhrases
from proxy.routing.reading.text import spread
from proxy.routing.reading.tongue import alone
from proxy.routing.reading.tongues import TONGUES, tongue_of

CUED = 2000
"""Characters of a turn that cues are read from."""

ASKS = ("?", "\uff1f")
"""Question marks, the wide one too."""

_MEANING = re.compile(r"[^\W\d_]{2,}", re.UNICODE)
_LETTERS_ALONE = alone(string.ascii_letters)

_ARTEFACT = (
    "(?:answer|response|reply|text|list|version|summary|code|function|script|story|poem|essay|email|letter|paragraph|"
    "sentence|example|table|plan|recipe|itinerary|above|previous|last)"
)

_OPENS = {
    "opens as an answer": (
        "yes|yeah|yep|yup|no|nope|nah|ok|okay|sure|right|correct|exactly|indeed|fine|alright|not really|not yet|"
        "maybe|perhaps|none|neither|both|either"
    ),
    "opens with thanks": (
        "thanks|thank you|great|nice|perfect|awesome|cool|wow|wonderful|interesting|good|got it|i see|that's|"
        "that is|that sounds|sounds"
    ),
    "opens as a continuation": (
        "and|but|so|also|then|or|because|what about|how about|what if|plus|besides|in that case|if so|instead|"
        "additionally|anyway"
    ),
    "opens with a new task": (
        "write|create|imagine|act as|you are|generate|please write|give me|tell me|can you|could you|i need|"
        "i want|i'd like|i would like|i am|i'm|i have|i've|help me|hi|hello|hey"
    ),
    "opens with a question word": "what|who|why|where|when|which|how|is|are|do|does|did|can|could|should|would|will|was|were|has|have",
}
"""What a turn begins with, by what it says about the turn."""

_HOLDS = {
    "points back": (
        "back to|going back|return(?:ing)? to|earlier|previously|before that|"
        "you (?:said|mentioned|told|suggested|recommended|gave|wrote|listed)|you just|"
        "we (?:talked|discussed|spoke|were)|as (?:i|you) said|again|last time|the other day"
    ),
    "opens something new": (
        "by the way|new (?:topic|question|subject)|another (?:question|topic|thing|subject)|"
        "(?:different|unrelated|separate) (?:topic|question|subject|note)|"
        "chang(?:e|ing) (?:the )?(?:topic|subject)|on another note|switching|btw|off topic|something else"
    ),
    "works on the answer": (
        "shorter|longer|shorten|expand|elaborate|rewrite|rephrase|reword|paraphrase|simplify|summari[sz]e|"
        "translate|more detail(?:s|ed)?|continue|go on|keep going|try again|redo|revise|edit|improve|"
        "fix (?:it|this|that)|correct (?:it|this|that)|make (?:it|this|that|them)|convert (?:it|this|that)|"
        "change (?:it|this|that|the)|add (?:more|a|an|some|the)|remove|in (?:one|two|three) sentences?|"
        "bullet points?|step by step|give (?:me )?(?:an|another|some|more) examples?|"
        f"explain (?:it|this|that|more|further)|(?:the|your|that|this) {_ARTEFACT}"
    ),
    "pronoun of a thing": "it|its|this|that|these|those|them|they|their",
    "pronoun of a person": "he|she|him|her|his|hers",
    "one of several": (
        "one|ones|another|other|others|else|same|such|both|either|neither|former|latter|first|second|third|last|"
        "next|instead|more"
    ),
    "speaks of itself": "i|i'm|i've|i'd|i'll|my|me|mine|we|our|us",
    "speaks to the model": "you|your|yours|you're|you've",
    "compares": (
        "better|worse|best|cheaper|easier|faster|bigger|smaller|difference|compare|compared|versus|vs|than|alternative|"
        "alternatives|similar"
    ),
    "asks why": (
        "why|how come|what do you mean|are you sure|really|is that (?:true|right|correct)|wrong|mistake|"
        "doesn't work|not work(?:ing)?|error"
    ),
    "asks for": "please|recommend|suggest|find|show|search|book|buy|reserve|schedule",
}
"""What stands anywhere in it."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """The cues of one language, by name."""

    opens: Mapping[str, re.Pattern[str]]
    holds: Mapping[str, re.Pattern[str]]

    @classmethod
    def of(cls, opens: Mapping[str, str], holds: Mapping[str, str], edge: str = r"\b") -> Phrases:
        """`edge` is what a phrase ends at; languages without spaces have none."""
        return cls(
            {name: re.compile(rf"\W*(?:{opens.get(name, NEVER)}){edge}", re.IGNORECASE) for name in _OPENS},
            {name: re.compile(rf"{edge}(?:{holds.get(name, NEVER)}){edge}", re.IGNORECASE) for name in _HOLDS},
        )

    def found(self, head: str) -> dict[str, int]:
        """Whether a text opens with each cue, and how often it holds each of the others."""
        opens = {name: int(pattern.match(head) is not None) for name, pattern in self.opens.items()}
        return opens | {name: len(pattern.findall(head)) for name, pattern in self.holds.items()}


NEVER = "(?!)"
ENGLISH = Phrases.of(_OPENS, _HOLDS)
PLAIN_ENGLISH = PlainPhrases(_OPENS, _HOLDS)
"""The same for lower-case ASCII."""


@cache
def _phrases(name: str) -> Phrases:
    """The cues of another language; made when a text in it is first read, since all of them take a while."""
    tongue = TONGUES[name]
    return Phrases.of(tongue.opens, tongue.holds, r"\b" if tongue.spaced else "")


_COUNTED = (*_OPENS, *_HOLDS)

CUES = (
    *_COUNTED,
    "asks",
    "question marks",
    "words",
    "topical words",
    "topical share",
    "characters",
    "lines",
    "names",
    "has code",
    "exclaims",
    "lower case",
)
"""The values of a turn, in the order in which weights were fitted to them."""


def spoken(said: str) -> Phrases:
    """The cues of the language that a text is in."""
    tongue = tongue_of(said)
    return _phrases(tongue) if tongue is not None else ENGLISH


@lru_cache(maxsize=16)
def cues_in(head: str) -> Mapping[str, int]:
    """Which cues are found in a text, in its own language, and how often."""
    phrases = spoken(head)
    if phrases is ENGLISH and head.isascii():
        return PLAIN_ENGLISH.found(head.lower())
    return phrases.found(head)


def forget() -> None:
    """Hold no words that were read lately."""
    cues_in.cache_clear()
    text.forget()


def read_cues(turn: str) -> list[float]:
    """One value a cue, in the order of `CUES`; counts are capped, lengths are logarithmic by halves."""
    head = turn[:CUED]
    said, found = text.read(head), cues_in(head)
    count = _words_of_letters(head)
    topical = len(said.words)
    return [
        *[min(3.0, found[name]) for name in _COUNTED],
        float(head.rstrip().endswith(ASKS)),
        min(3.0, sum(map(head.count, ASKS))),
        min(60.0, count) ** 0.5,
        min(40.0, topical) ** 0.5,
        topical / max(1, count),
        min(2000.0, len(head)) ** 0.5,
        min(10.0, head.count("\n")),
        min(8.0, len(said.names)),
        float("```" in head or "();" in head or "def " in head),
        float("!" in head),
        float(head[:1].islower()),
    ]


def _words_of_letters(head: str) -> int:
    """How many runs of two letters or more a text has."""
    if head.isascii():
        return sum([len(word) > 1 for word in head.translate(_LETTERS_ALONE).split()])
    return len(_MEANING.findall(spread(head)))


_TASK = re.compile(
    r"\b(?:follow(?:s|ing)|below|classify|categori[sz]e|label|summari[sz]e|extract|translate|rewrite|rephrase|proofread|score|rate|"
    r"(?:this|the) (?:text|message|email|review|sentence|article|document|transcript|passage|code))\b",
    re.IGNORECASE,
)
_GIVEN = re.compile(r"\n\s*\n|:\s*\n|\n[^\n:]{1,24}:\s")


def brings_its_text(turn: str) -> bool:
    """Whether a turn is a task with the text that it is about, as programs send them: it needs nothing said before."""
    given = _GIVEN.search(turn[:4000])
    return given is not None and bool(turn[given.end() :].strip()) and _TASK.search(turn[: given.start()]) is not None


_EXAMPLE = re.compile(r"\b(?:an? |some |any |another |more )?(?:concrete |practical |real )?examples?\b", re.IGNORECASE)

_ASKED_OF_AN_ANSWER = 120
"""Characters of the longest turn that asks for nothing but a change of an answer."""


LEFT_OVER = 2
"""Words that other languages' lists of common words leave over in such a turn."""


def may_work_on_the_answer(turn: str) -> bool:
    """Whether a turn is so short, and on one line, that it might ask for nothing but a change of an answer."""
    said = turn.strip()
    return len(said) <= _ASKED_OF_AN_ANSWER and "\n" not in said


def works_on_the_answer_alone(turn: str, answer: str = "") -> bool:
    """Whether a turn asks something of the answer just given and names no subject of its own: `Shorter, please.`.

    It is read in its own language and in the one of the answer, for few words hardly tell a language.
    """
    said = turn.strip()
    if not may_work_on_the_answer(said):
        return False
    return any(_works_alone(said, phrases) for phrases in _languages(said, answer[-_ASKED_OF_AN_ANSWER:]))


def _languages(*texts: str) -> Iterator[Phrases]:
    """The phrases of the languages of some texts, each once."""
    seen: list[Phrases] = []
    for said in texts:
        if all(spoken(said) is not phrases for phrases in seen):
            seen.append(spoken(said))
            yield seen[-1]


def _works_alone(said: str, phrases: Phrases) -> bool:
    if phrases is ENGLISH and said.isascii() and not _asks_of_an_answer(said):
        return False
    patterns = [phrases.holds["works on the answer"], phrases.holds["asks why"]]
    rest = said
    for pattern in [*patterns, _EXAMPLE] if phrases is ENGLISH else patterns:
        rest = pattern.sub(" ", rest)
    if rest == said or any(phrases.holds[name].search(said) for name in ("opens something new", "points back")):
        return False
    pointing = phrases.holds["pronoun of a thing"].search(said) is not None
    own = pointing if phrases is ENGLISH else pointing + LEFT_OVER
    return len(text.words(rest)) <= own


def _asks_of_an_answer(said: str) -> bool:
    found = PLAIN_ENGLISH.found(said.lower()) if spoken(said) is not ENGLISH else cues_in(said)
    return bool(found["works on the answer"] or found["asks why"]) or _EXAMPLE.search(said) is not None


def refers_back(turn: str) -> str | None:
    """The words in a turn that only what was just said explains, such as `shorter` or `translate`."""
    head = turn[:CUED]
    phrases, counts = spoken(head), cues_in(head)
    for name in ("works on the answer", "opens as a continuation", "pronoun of a thing", "pronoun of a person"):
        if not counts[name]:
            continue
        matches = (
            phrases.holds[name].finditer(head) if name in _HOLDS else filter(None, [phrases.opens[name].match(head)])
        )
        found = (match[0].strip().lower() for match in matches)
        if said := next((one for one in found if one not in ARTICLES), None):
            return said
    return None


ARTICLES = frozenset({"das", "es", "le", "la", "les", "en", "y", "lo", "los", "las", "sein", "seine", "ihr", "ihre"})
"""Words that are an article, a preposition or nothing much as often as a pronoun: they weigh as cues, and explain nothing to a person."""
