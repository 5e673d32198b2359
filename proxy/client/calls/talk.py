"""A turn said and answered: plainly, word by word, or with tools that this program runs between the model's calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from proxy.client import endpoints as api
from proxy.client.calls.common import Home
from proxy.client.errors import told
from proxy.client.records import ChatResult, Wire
from proxy.client.steps import Steps

D = TypeVar("D")
M = TypeVar("M")

MAX_STEPS: Final = 16
"""Rounds of tool calls in one turn; then the last reply stands as it is."""

Tool = Callable[..., object]


class Listener:
    """Hears an answer as server-sent events, and tells its words to a callback as they come."""

    def __init__(self, callback: Callable[[str], object]) -> None:
        self._callback = callback
        self._error: Any = None

    def __call__(self, line: str) -> None:
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            return
        chunk = json.loads(data)
        self._error = self._error or chunk.get("error")
        for choice in chunk.get("choices") or ():
            if text := (choice.get("delta") or {}).get("content"):
                self._callback(text)

    def check(self) -> None:
        """Raises GraftError for a stream that told of an error."""
        if self._error is not None:
            raise told(502, self._error)


class Talking(Generic[D, M]):
    """Says turns in one tree, and makes results of the answers."""

    def __init__(self, home: Home[D, M], tree_id: str) -> None:
        self._home = home
        self._tree_id = tree_id

    def turn(
        self, body: Mapping[str, Any], functions: Mapping[str, Tool], callback: Callable[[str], object] | None
    ) -> Steps[ChatResult[M]]:
        """Say a turn; where the model calls functions that are given, run them and say what came of it."""
        answer = yield from self._asked(body, callback)
        first, called, notes = answer, list(_calls(answer)), []
        for _ in range(MAX_STEPS):
            calls = _calls(answer)
            if not calls or any(_name(call) not in functions for call in calls):
                break
            results = [_result(call, functions) for call in calls]
            notes += [_noted(call, result) for call, result in zip(calls, results, strict=True)]
            again = {name: value for name, value in body.items() if name in ("model", "options", "personality")}
            again |= {"messages": results, "parent_id": answer["ai_message"]["id"]}
            answer = yield from self._asked(again, callback)
            called += _calls(answer)
        if notes and answer["ai_message"] is not None:
            noted = yield api.CHANGE_NODE(node_id=answer["ai_message"]["id"], json={"scratchpad": "\n".join(notes)})
            answer = {**answer, "ai_message": noted.json}
        return self._result({**answer, "user_message": first["user_message"], "route": first["route"]}, called)

    def _asked(self, body: Mapping[str, Any], callback: Callable[[str], object] | None) -> Steps[Wire]:
        if callback is None:
            wire: Wire = (yield api.TALK(tree_id=self._tree_id, json=body)).json
            return wire
        listener = Listener(callback)
        reply = yield api.TALK(tree_id=self._tree_id, json={**body, "stream": True}, listen=listener)
        listener.check()
        node_id = reply.headers.get("x-graft-node")
        if node_id is None:
            return {"user_message": None, "ai_message": None, "text": "", "route": "aside"}
        said = (yield api.GET_NODE(node_id=node_id)).json
        asked = (yield api.GET_NODE(node_id=said["parent_id"])).json
        text = said["content"] if isinstance(said["content"], str) else ""
        return {"user_message": asked, "ai_message": said, "text": text, "route": reply.headers["x-graft-route"]}

    def _result(self, answer: Wire, called: Sequence[Wire]) -> ChatResult[M]:
        asked, said = answer["user_message"], answer["ai_message"]
        return ChatResult(
            user_message=None if asked is None else self._home.message(asked),
            ai_message=None if said is None else self._home.message(said),
            text=answer["text"],
            route=answer["route"],
            tool_calls=called,
            sources=() if said is None else said["sources"],
            final_scratchpad=None if said is None else said["scratchpad"],
        )


def _calls(answer: Wire) -> Sequence[Wire]:
    said = answer["ai_message"]
    calls: Sequence[Wire] = () if said is None else said["extra"].get("tool_calls") or ()
    return calls


def _name(call: Wire) -> str:
    return str(call["function"]["name"])


def _result(call: Wire, functions: Mapping[str, Tool]) -> dict[str, Any]:
    """Run one tool. What goes wrong in it is told to the model, which may try otherwise."""
    try:
        value = functions[_name(call)](**json.loads(call["function"]["arguments"] or "{}"))
    except Exception as exc:  # noqa: BLE001 - a tool is foreign code
        value = f"Error: {exc}"
    content = value if isinstance(value, str) else json.dumps(value, default=str)
    return {"role": "tool", "tool_call_id": call["id"], "content": content}


def _noted(call: Wire, result: Wire) -> str:
    return f"{_name(call)}({call['function']['arguments']}) -> {result['content']}"
