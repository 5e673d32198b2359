"""One message of a conversation, and what of it is text.

A message is kept in the shape in which it came: OpenAI's chat message object. Graft reads the few fields named here; all
others (audio, refusals, annotations, provider fields) travel unopened, so that what goes back out is what came in. Checking
that shape is the door's work (`api/openai/wire.py`); this module trusts it.

Source: OpenAI API reference, chat completions, `messages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast

from proxy.domain.values import value

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool", "function")

SYSTEM = ("system", "developer")
"""Roles of instructions: what they say is not something that was said in a conversation."""

Wire = Mapping[str, object]
"""A JSON object in the client's own format; never changed in place."""

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)


@value(frozen=True, slots=True)
class Message:
    """A message in OpenAI's chat shape."""

    wire: Wire
    """The whole message object, as it came."""

    @property
    def role(self) -> Role:
        return self.wire["role"]  # type: ignore[return-value]  # the door has checked it

    @property
    def text(self) -> str:
        """What was said, as plain text: parts joined by line breaks; images and files leave none."""
        return plain_text(self.wire.get("content"))

    @property
    def is_text(self) -> bool:
        """Nothing but a role and a text, as most messages are."""
        return len(self.wire) == 2 and type(self.wire.get("content")) is str

    @property
    def spoken(self) -> str:
        """The text without thinking blocks: what belongs in windows, titles, summaries and memories."""
        text = self.text
        return without_thinking(text) if self.role == "assistant" else text

    @property
    def tool_calls(self) -> Sequence[Wire]:
        calls = self.wire.get("tool_calls")
        return cast("Sequence[Wire]", calls) if isinstance(calls, list) else ()

    @property
    def tool_call_id(self) -> str | None:
        return cast("str | None", self.wire.get("tool_call_id"))

    @property
    def is_system(self) -> bool:
        """System and developer text is the client's own instruction, not something that was said."""
        return self.wire["role"] in SYSTEM


def said(role: Role, text: str) -> Message:
    """The message that says `text` in a role."""
    return Message({"role": role, "content": text})


def plain_text(content: object) -> str:
    """The text of a `content` field: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def without_thinking(text: str) -> str:
    """Text with `<think>` blocks taken out; a block that was never closed ends with the text."""
    return _THINKING.sub("", text).strip() if "<" in text else text
