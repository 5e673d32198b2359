"""What clients say of themselves in headers, in the names that the configuration gives: ids, tasks, marks of the program.

All of it narrows and none of it authorises. A value that is still a template (`{{TASK}}`) was filled in by nobody, and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from proxy.domain.turn import Client

LONGEST = 200
"""Letters of a value that are read."""
NO_PARENT = frozenset({"none", "null", "undefined", "root", "00000000-0000-0000-0000-000000000000"})
"""What clients write where a message answers none; the last is LibreChat's."""
NO_TASK = frozenset({"", "default", "none", "null", "undefined", "false", "0"})
"""What clients write where there is no task."""


@dataclass(frozen=True, slots=True)
class Hints:
    """The names under which clients say something; headers in lower case."""

    conversation_headers: Sequence[str] = ()
    task_headers: Sequence[str] = ()
    subagent_headers: Sequence[str] = ()
    task_models: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    """Headers that clients are known by."""
    message_headers: Sequence[str] = ()
    parent_headers: Sequence[str] = ()
    reply_headers: Sequence[str] = ()
    """Headers in which a client names the user's message, what that answers, and the reply to come."""
    pass_on: Sequence[str] = ()
    """Headers that go to the provider as they came."""
    _all: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        lists = (self.task_headers, self.subagent_headers, self.marks, self.message_headers, self.parent_headers)
        object.__setattr__(self, "_all", frozenset(chain(*lists, self.reply_headers, self.pass_on)))

    def conversation(self, headers: Mapping[str, str]) -> str | None:
        """The client's own id of the chat."""
        return first(headers, self.conversation_headers)

    def client(self, headers: Mapping[str, str], metadata: Mapping[str, object], model: str) -> Client:
        """What else a client says of itself."""
        agent = headers.get("user-agent", "")[:LONGEST]
        if self._all.isdisjoint(headers) and not metadata and model not in self.task_models:  # most say nothing
            return Client(agent)
        return Client(
            agent=agent,
            marks=frozenset(name for name in self.marks if name in headers),
            task=self._task(headers, metadata, model),
            message_id=first(headers, self.message_headers),
            parent_id=self._parent(headers),
            reply_id=first(headers, self.reply_headers),
            pass_on={name: value for name in self.pass_on if _can_be_sent(value := headers.get(name, ""))},
        )

    def _parent(self, headers: Mapping[str, str]) -> str | None:
        """Empty for a client that says that its message answers none."""
        named = first(headers, self.parent_headers)
        if named is not None:
            return "" if named.lower() in NO_PARENT else named
        return "" if any(headers.get(name) == "" for name in self.parent_headers) else None

    def _task(self, headers: Mapping[str, str], metadata: Mapping[str, object], model: str) -> str | None:
        if task := _task_in(first(headers, self.task_headers)) or _task_in(metadata.get("task")):
            return f"task {task}"
        if _task_in(first(headers, self.subagent_headers)):
            return "sub-agent"
        return f"task model {model}" if model in self.task_models else None


def first(headers: Mapping[str, str], names: Sequence[str]) -> str | None:
    """The first of some headers that says anything."""
    for name in names:
        if (said := headers.get(name)) and (value := said.strip()) and not value.startswith("{{"):
            return value[:LONGEST]
    return None


def _task_in(value: object) -> str | None:
    if not isinstance(value, str) or value.strip().lower() in NO_TASK:
        return None
    return value.strip()[:LONGEST]


def _can_be_sent(value: str) -> bool:
    return bool(value) and len(value) <= LONGEST and value.isascii() and value.isprintable()
