"""What a provider has answered, beneath what LiteLLM makes of it.

LiteLLM takes an answer apart and puts another together: it ends what the provider did not end, and gives up where a part of no
importance has an odd type. What the official client was answered is OpenAI's wire format as it was sent, so it is kept beside for whoever
listens, and read as on the other lanes.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import Any


class Heard:
    """One request's answer, as far as it has come."""

    __slots__ = ("answer", "is_answered", "keeps")

    def __init__(self, *, keeps: bool) -> None:
        self.keeps = keeps
        """Whether the answer is kept."""
        self.answer: Any = None
        """What the official client was answered to a chat, of httpx's kind and read to its end."""
        self.is_answered = False
        """Whether a provider has begun to answer with a status of 200, through whichever client."""


_LISTENING: ContextVar[Heard | None] = ContextVar("LISTENING", default=None)


def listen(*, keeps: bool) -> Heard:
    """What the requests of this task are answered from now on; streams are not kept."""
    heard = Heard(keeps=keeps)
    _LISTENING.set(heard)
    return heard


def begun(status: int) -> None:
    """A provider has begun to answer."""
    if status == 200 and (heard := _LISTENING.get()) is not None:
        heard.is_answered = True


def overhear(chats: Any) -> None:
    """Wrap the method of the official client's class of chats that sends one; once."""
    create = chats.create
    if hasattr(create, "is_overheard"):
        return

    @functools.wraps(create)
    async def created(self: Any, *args: Any, **given: Any) -> Any:
        answer = await create(self, *args, **given)
        if (heard := _LISTENING.get()) is not None and heard.keeps:
            heard.answer = getattr(answer, "http_response", None)
        return answer

    created.is_overheard = True  # type: ignore[attr-defined]
    chats.create = created
