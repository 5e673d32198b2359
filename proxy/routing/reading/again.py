"""A turn that says by name what it goes back to: `Back to the sourdough: ...`, `Lisbon once more: ...`.

Dialogues that are woven together by machines hardly hold such words, so no weight was learned from them.
"""

from __future__ import annotations

import re

from proxy.routing.reading.cues import spoken
from proxy.routing.reading.text import words

_HEADING = re.compile(r"([^:\uff1a,.?!\n]{3,60})([:\uff1a,\uff0c])\s?")
"""What stands before a turn's first colon or comma."""

_ONCE_MORE = re.compile(r"\bonce (?:more|again)\b", re.IGNORECASE)


def named_again(turn: str) -> list[str]:
    """The stems of what a turn says, before its first colon or comma, that it goes back to; none where it does not say so.

    Before a comma, the phrase that says so must come first: `When I go back to work, ...` names nothing.
    """
    heading = _HEADING.match(turn.lstrip())
    if heading is None:
        return []
    said, phrases = heading[1], spoken(turn)
    if phrases.holds["opens something new"].search(said):
        return []
    for pattern in (_ONCE_MORE, phrases.holds["points back"]):
        found = pattern.search(said)
        if found is not None and (heading[2] in ":\uff1a" or not said[: found.start()].strip()):
            return list(words(pattern.sub(" ", said)))
    return []
