"""Attributes of a blocking discussion: some show what was told last, some are read when they are asked for; setting one writes it.

An awaited discussion has the first kind only, to read: what has to be asked for or written is a method there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Self, TypeVar, overload

from proxy.client.calls.discussion import DiscussionCalls
from proxy.client.steps import Session, Steps, run
from proxy.client.views import DiscussionView

T = TypeVar("T")
Calls = DiscussionCalls[Any, Any]


class Shown(Generic[T]):
    """What was told last, to read."""

    def __init__(self, field: str) -> None:
        self.field = field

    @overload
    def __get__(self, held: None, owner: type) -> Self: ...
    @overload
    def __get__(self, held: DiscussionView, owner: type) -> T: ...
    def __get__(self, held: DiscussionView | None, owner: type) -> Self | T:
        if held is None:
            return self
        value: T = held.told[self.field]
        return value

    def __set__(self, held: Any, value: T) -> None:
        raise AttributeError(f"{self.field!r} is written by a method here: await `update`.")


class Field(Shown[T]):
    """What was told last; setting it changes the field on the server."""

    def __set__(self, held: Any, value: T) -> None:
        calls: Calls = held.calls
        told: Any = value
        if isinstance(value, Mapping):  # the server changes these item by item
            told = {**dict.fromkeys(calls.told[self.field]), **value}
        run(held.session, calls.put({self.field: told}))


class Live(Generic[T]):
    """What the server has at the moment; setting it writes it there."""

    def __init__(self, read: Callable[[Any], Steps[T]], write: Callable[[Any, T], Steps[object]] | None = None) -> None:
        self._read = read
        self._write = write
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, held: None, owner: type) -> Self: ...
    @overload
    def __get__(self, held: object, owner: type) -> T: ...
    def __get__(self, held: Any, owner: type) -> Self | T:
        return self if held is None else run(_session(held), self._read(held.calls))

    def __set__(self, held: Any, value: T) -> None:
        if self._write is None:
            raise AttributeError("This attribute cannot be set.")
        run(_session(held), self._write(held.calls, value))


def zone(name: str, read: Callable[[Calls], Steps[str]]) -> Live[str]:
    """A zone as an attribute."""
    return Live(read, lambda calls, text: calls.set_zone(name, text))


def _session(held: Any) -> Session:
    session: Session = held.session
    return session
