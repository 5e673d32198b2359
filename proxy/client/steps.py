"""One core, two drivers: what a method does is written once, as a generator of requests that is sent their replies.

    def set_title(self, title: str) -> Steps[None]:
        reply = yield TREE_PATCH(tree_id=self.id, json={"title": title})
        self.told = reply.json

`run` plays such a generator over a blocking connection and `arun` over an awaited one; `sync` and `awaited` make methods of it. No
method exists twice, and both kinds have the same names, parameters and types.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import quote

T = TypeVar("T")
P = ParamSpec("P")
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it will be sent."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    content: bytes | None = None
    """A body that is JSON already."""
    listen: Callable[[str], object] | None = None
    """Told each line of an answer that is streamed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer that is no error."""

    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of the API with its verb; called, it makes a request."""

    method: str
    path: str
    """As the OpenAPI document writes it: `/api/trees/{tree_id}`."""

    def __call__(
        self,
        *,
        query: Mapping[str, object] | None = None,
        json: object = None,
        content: bytes | None = None,
        listen: Callable[[str], object] | None = None,
        **ids: str,
    ) -> Request:
        """A request; query parameters that are `None` are left out."""
        return replace(self.at(ids, query), json=json, content=content, listen=listen)

    def at(self, ids: Mapping[str, str], query: Mapping[str, object] | None = None) -> Request:
        """A request without a body."""
        path = self.path.format(**{name: quote(value, safe="") for name, value in ids.items()})
        asked = {name: _spelt(value) for name, value in (query or {}).items() if value is not None}
        return Request(self.method, path, asked)


Steps = Generator[Request, Reply, T]
"""What a method does: it yields requests, is sent replies, and returns its value."""


class Session(Protocol):
    """A blocking connection."""

    def send(self, request: Request) -> Reply:
        """Raises GraftError."""
        ...


class AsyncSession(Protocol):
    """An awaited connection."""

    async def send(self, request: Request) -> Reply:
        """Raises GraftError."""
        ...


class Held(Protocol[C_co]):
    """An object whose methods are those of its `calls`, over a blocking connection."""

    @property
    def calls(self) -> C_co: ...
    @property
    def session(self) -> Session: ...


class AsyncHeld(Protocol[C_co]):
    """The same over an awaited connection."""

    @property
    def calls(self) -> C_co: ...
    @property
    def session(self) -> AsyncSession: ...


def run(session: Session, steps: Steps[T]) -> T:
    """Take all steps, one after the other. An error reaches the step that caused it."""
    try:
        request = next(steps)
        while True:
            try:
                reply = session.send(request)
            except Exception as exc:  # noqa: BLE001 - the step decides
                request = steps.throw(exc)
            else:
                request = steps.send(reply)
    except StopIteration as end:
        value: T = end.value
        return value


async def arun(session: AsyncSession, steps: Steps[T]) -> T:
    """The same, awaited."""
    try:
        request = next(steps)
        while True:
            try:
                reply = await session.send(request)
            except Exception as exc:  # noqa: BLE001 - the step decides
                request = steps.throw(exc)
            else:
                request = steps.send(reply)
    except StopIteration as end:
        value: T = end.value
        return value


def sync(call: Callable[Concatenate[C, P], Steps[T]]) -> Callable[Concatenate[Held[C], P], T]:
    """A method of the core as a blocking one."""

    @functools.wraps(call)
    def method(self: Held[C], *args: P.args, **kwargs: P.kwargs) -> T:
        return run(self.session, call(self.calls, *args, **kwargs))

    return method  # type: ignore[return-value]  # a method: what is named `self` is bound


def awaited(
    call: Callable[Concatenate[C, P], Steps[T]],
) -> Callable[Concatenate[AsyncHeld[C], P], Coroutine[Any, Any, T]]:
    """A method of the core as one to be awaited."""

    @functools.wraps(call)
    async def method(self: AsyncHeld[C], *args: P.args, **kwargs: P.kwargs) -> T:
        return await arun(self.session, call(self.calls, *args, **kwargs))

    return method  # type: ignore[return-value]  # a method: what is named `self` is bound


def _spelt(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
