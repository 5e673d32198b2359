"""A Python client: `Graft` for plain programs, `AsyncGraft` for those that await. It knows the HTTP API and nothing of the server.

    with Graft("http://127.0.0.1:4800", api_key) as graft:
        discussion = graft.create_discussion(title="A new garden", system_prompt="You know plants.")
        answer = discussion.chat("What grows in the shade?")
        print(answer.text)

Its methods have the names of LoLLMs' `LollmsDiscussion`; the README lists them, with the address that each one uses.
"""

from proxy.client.awaiting import AsyncDiscussion, AsyncGraft, AsyncMessage
from proxy.client.blocking import Discussion, Graft, Message
from proxy.client.errors import GraftError, NotFound
from proxy.client.records import (
    Artefact,
    ChatResult,
    Found,
    Image,
    Memory,
    Moved,
    Outline,
    Personality,
    Summary,
    Version,
    Zone,
)

__all__ = [
    "Artefact",
    "AsyncDiscussion",
    "AsyncGraft",
    "AsyncMessage",
    "ChatResult",
    "Discussion",
    "Found",
    "Graft",
    "GraftError",
    "Image",
    "Memory",
    "Message",
    "Moved",
    "NotFound",
    "Outline",
    "Personality",
    "Summary",
    "Version",
    "Zone",
]
