"""Loops of tools that live in the text: agents that write their calls into replies and their results into user messages.

To the wire these are ordinary turns; to a person they are one. So that no result is ever taken for a new topic, two signs have to
agree: how the user's message opens, and a call in the reply before it. Agents that are known by name follow anyway (`clients`);
this holds for those that nobody has named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from proxy.domain.message import Message

OPENING: Final = 200
"""Letters in which a result is looked for."""

_NAMED = re.compile(r"\[(\w+)(?: for [^\n]*?)?\] Result:")
"""Cline and those that stem from it: the call was an XML element of that name."""

_PAIRS: Final = (
    (
        r"<(tool_response|tool_result|tool_output|function_results?|observation)\b",
        r"<(tool_call|function_call|function|invoke|action)\b",
    ),
    (r"EXECUTION RESULT of \[", r"<(function=|execute_)"),  # OpenHands
    (r"(?i)observation:", r"(?im)^[^\w\n]*action( input)?[^\w\n]*:|```"),  # ReAct, SWE-agent
)
_RESULTS: Final = tuple((re.compile(result), re.compile(call)) for result, call in _PAIRS)
"""How a result opens, and what the call before it holds."""


def is_result(message: Message, reply: Message) -> bool:
    """Whether a user's message is the result of a call that the reply before it holds in its text."""
    opening = message.text[:OPENING].lstrip()
    if named := _NAMED.match(opening):
        return f"<{named[1]}>" in reply.text
    return any(result.match(opening) and call.search(reply.text) for result, call in _RESULTS)


def goes_on(said: Sequence[Message], turn_from: int) -> bool:
    """Whether the turn that begins there goes on with a loop in the text."""
    return turn_from > 0 and is_result(said[turn_from], said[turn_from - 1])
