"""Answers whose first piece is work of its own: whoever reads piece after piece does not see where the work ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")


def rest_of(answer: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """What an answer goes on with whose first piece is there: the innermost generator, for each one around it costs with every piece."""
    while isinstance(answer, Beginning) and answer._rest is not None:  # noqa: SLF001  # of this module
        answer = answer._rest  # noqa: SLF001
    return answer


class Beginning(AsyncGenerator[T, None]):
    """An answer whose first piece is worked for; from then on it is the generator that the work left, without another in between."""

    _rest: AsyncGenerator[T, None] | None = None
    """What comes behind the first piece, as soon as that is there."""

    @abstractmethod
    async def _first(self) -> T:
        """The first piece; sets `_rest` where more may come. Where it raises, it has closed what it opened."""

    def __anext__(self) -> object:  # type: ignore[override]  # typed as a coroutine; any awaitable will do
        return self._first() if self._rest is None else self._rest.__anext__()

    async def asend(self, value: None) -> T:
        return await self._first() if self._rest is None else await self._rest.asend(value)

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> T:
        if self._rest is not None:
            return await self._rest.athrow(typ, val, tb)  # type: ignore[arg-type]
        raise typ if isinstance(typ, BaseException) else typ()

    async def aclose(self) -> None:
        if self._rest is not None:
            await self._rest.aclose()


class Single(Beginning[T]):
    """An answer of one piece."""

    def __init__(self, bring: Callable[[], Awaitable[T]]) -> None:
        self._bring: Callable[[], Awaitable[T]] | None = bring

    async def _first(self) -> T:
        bring, self._bring = self._bring, None
        if bring is None:
            raise StopAsyncIteration
        return await bring()
