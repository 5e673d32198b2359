"""The blocking client, and the awaited one made to look like it: one story runs on both."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from proxy.client import AsyncDiscussion, AsyncGraft, AsyncMessage, Graft


class Waiting:
    """An object of the awaited client whose methods wait; what they return is wrapped too."""

    def __init__(self, portal: BlockingPortal, held: Any) -> None:
        self.portal = portal
        self.held = held

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.held, name)
        if not callable(value):
            return self._wrapped(value)

        def method(*args: Any, **kwargs: Any) -> Any:
            async def waited() -> Any:
                result = value(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result

            return self._wrapped(self.portal.call(waited))

        return method

    def _wrapped(self, value: Any) -> Any:
        if isinstance(value, AsyncDiscussion | AsyncMessage):
            return Waiting(self.portal, value)
        if isinstance(value, list):
            return [self._wrapped(one) for one in value]
        if type(value).__name__ in ("ChatResult", "Found", "Moved"):
            return Waiting(self.portal, value)
        return value


@contextmanager
def blocking(url: str, key: str) -> Iterator[Any]:
    with Graft(url, key) as graft:
        yield graft


@contextmanager
def awaiting(url: str, key: str) -> Iterator[Any]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(AsyncGraft(url, key)) as graft:
        yield Waiting(portal, graft)


KINDS = {"blocking": blocking, "awaited": awaiting}
