"""What objects show of what was told last, without asking: attributes by the names that a LollmsDiscussion user knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from proxy.client.records import Wire


class Told(Protocol):
    """Calls that know what was told last."""

    told: Wire


class MessageView(ABC):
    """A message as it was told."""

    __slots__ = ()

    @property
    @abstractmethod
    def told(self) -> Wire:
        """The server's own words."""

    @property
    def id(self) -> str:
        return str(self.told["id"])

    @property
    def tree_id(self) -> str:
        return str(self.told["tree_id"])

    @property
    def parent_id(self) -> str | None:
        return self.told["parent_id"]  # type: ignore[no-any-return]

    @property
    def sender(self) -> str:
        """Who spoke; the role, where nobody said who."""
        return str(self.told["sender"] or self.told["role"])

    @property
    def role(self) -> str:
        return str(self.told["role"])

    @property
    def content(self) -> str:
        """What was said, as plain text."""
        content = self.told["content"]
        if isinstance(content, list):
            return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
        return content or ""

    @property
    def parts(self) -> Sequence[Wire]:
        """What was said, in OpenAI's content parts."""
        content = self.told["content"]
        return content if isinstance(content, list) else [{"type": "text", "text": content or ""}]

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.told["metadata"]  # type: ignore[no-any-return]

    @property
    def labels(self) -> Sequence[str]:
        return self.told["labels"]  # type: ignore[no-any-return]

    @property
    def tokens(self) -> int | None:
        """`None` until they were counted."""
        return self.told["tokens"]  # type: ignore[no-any-return]

    @property
    def state(self) -> str:
        return str(self.told["state"])

    @property
    def created_at(self) -> float:
        """Seconds since 1970, UTC."""
        return float(self.told["created_at"])

    @property
    def tool_calls(self) -> Sequence[Wire]:
        return self.told["extra"].get("tool_calls") or ()

    @property
    def sources(self) -> Sequence[Wire]:
        return self.told["sources"]  # type: ignore[no-any-return]

    @property
    def scratchpad(self) -> str | None:
        """What an agent noted on the way to this reply."""
        return self.told["scratchpad"]  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.sender}: {self.content[:40]!r}>"


class DiscussionView(ABC):
    """A discussion as it was told."""

    __slots__ = ()

    @property
    @abstractmethod
    def told(self) -> Wire:
        """The server's own words."""

    @property
    def id(self) -> str:
        return str(self.told["id"])

    @property
    def name(self) -> str:
        """What `X-Graft-Tree` names."""
        return str(self.told["name"])

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.told["metadata"]  # type: ignore[no-any-return]

    @property
    def discussion_metadata(self) -> Mapping[str, Any]:
        """The same as `metadata`."""
        return self.metadata

    @property
    def created_at(self) -> float:
        """Seconds since 1970, UTC."""
        return float(self.told["created_at"])

    @property
    def updated_at(self) -> float:
        return float(self.told["updated_at"])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.name!r}>"


FIELDS: Mapping[str, str] = {
    "title": "title",
    "system_prompt": "system_prompt",
    "participants": "participants",
    "max_context_size": "max_context_tokens",
    "personality": "personality",
}
"""Attributes of a discussion that can be changed, and the server's names of them."""
