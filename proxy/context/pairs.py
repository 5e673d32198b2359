"""Tool calls and their results: a provider refuses a call without its results, and results without their call.

A branch may end in the middle of an agent's loop (the client never came back, the reply was cut off), and a turn may join it
there. What is stored stays as it is; what is sent leaves the half pair out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from proxy.domain.message import Message


def whole_pairs(body: Sequence[tuple[Message, bool]], turn: Sequence[Message]) -> list[Message]:
    """The body of a context without half pairs.

    Args:
        body: Messages in order, each with whether it comes from the path; the client's own are never touched.
        turn: What follows; its results answer the body's last calls.
    """
    following = [*(message for message, _ in body), *turn]
    kept: list[Message] = []
    open_calls: set[object] = set()
    for index, (message, of_path) in enumerate(body):
        if message.role == "tool":
            if not of_path or message.tool_call_id in open_calls:
                kept.append(message)
            continue
        open_calls = {call.get("id") for call in message.tool_calls}
        results = takewhile(lambda one: one.role == "tool", following[index + 1 :])
        if of_path and open_calls and not open_calls <= {result.tool_call_id for result in results}:
            open_calls = set()
            if message.text:
                kept.append(Message({name: value for name, value in message.wire.items() if name != "tool_calls"}))
            continue
        kept.append(message)
    return kept
