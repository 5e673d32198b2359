"""How text that Graft places in a context is marked, so that a model can tell it from what was said, and no memory is made of it.

    <graft scope="user" source="zone">
    Likes rye.
    </graft>

The marking of a text depends on the text, its scope and its source alone: the same bytes in every request. A text cannot end its own
marking: what looks like one inside it is written with an entity.
"""

from __future__ import annotations

import re
from typing import Final

CLOSING: Final = "\n</graft>"

_MARKED: Final = re.compile(r'<graft scope="[^"<>]*" source="[^"<>]*">\s.*?(?:\s</graft>|\Z)\n*', re.DOTALL)
_LIKE_OURS: Final = re.compile(r"<(?=/?graft)", re.IGNORECASE)
_NOT_IN_NAMES: Final = str.maketrans({'"': "'", "<": "(", ">": ")", "\n": " ", "\r": " "})


def marked(scope: str, source: str, text: str) -> str:
    """A text that Graft places; `source` says what it came from, such as `zone` or `artefact:TITLE@3`."""
    return f"{_opening(scope, source)}{_LIKE_OURS.sub('&lt;', text.strip())}{CLOSING}"


def without_placed(text: str) -> str:
    """A text without what Graft placed in it, also where a model repeats it on one line; a marking that never ends reaches to the end."""
    return _MARKED.sub("", text).strip() if "<graft scope=" in text else text


def _opening(scope: str, source: str) -> str:
    return f'<graft scope="{scope.translate(_NOT_IN_NAMES)}" source="{source.translate(_NOT_IN_NAMES)}">\n'
