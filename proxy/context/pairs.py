"""Tool calls and their results: a provider refuses a call without its results, and results without their call.

A branch may end in the middle of an agent's loop (the client never came back, the reply was cut off), and a turn may join it
there. What is stored stays as it is; what is sent leaves the half pair out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from proxy.context.lines import Line
from proxy.context.tokens import estimate
from proxy.domain.message import Message


def whole_pairs(body: Sequence[Line], turn: Sequence[Message]) -> list[Line]:
    """The body of a context without half pairs.

    Args:
        body: Lines in order; only those of the path are ever changed, never the client's own.
        turn: What follows; its results answer the body's last calls.
    """
    for line in body:
        wire = line.message.wire
        if "tool_calls" in wire or wire["role"] == "tool":
            break
    else:
        return list(body)
    following = [*(line.message for line in body), *turn]
    kept: list[Line] = []
    open_calls: set[object] = set()
    for index, line in enumerate(body):
        message, of_path = line.message, line.kind == "history"
        if message.role == "tool":
            if not of_path or message.tool_call_id in open_calls:
                kept.append(line)
            continue
        open_calls = {call.get("id") for call in message.tool_calls}
        results = takewhile(lambda one: one.role == "tool", following[index + 1 :]) if open_calls else ()
        if of_path and open_calls and not open_calls <= {result.tool_call_id for result in results}:
            open_calls = set()
            if message.text:
                silent = Message({name: value for name, value in message.wire.items() if name != "tool_calls"})
                kept.append(line._replace(message=silent, tokens=estimate(silent), is_stored=False, counted=False))
            continue
        kept.append(line)
    return kept
