"""Answers whose first piece is worked for read like any generator."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from proxy.domain.beginning import Beginning, Single, rest_of

pytestmark = pytest.mark.anyio


class Counting(Beginning[int]):
    """One, and what a generator counts on from there."""

    def __init__(self) -> None:
        self.closed = False

    async def _first(self) -> int:
        self._rest = self._on()
        return 1

    async def _on(self) -> AsyncGenerator[int, None]:
        try:
            yield 2
            yield 3
        finally:
            self.closed = True


async def test_the_rest_follows_the_first_piece() -> None:
    assert [piece async for piece in Counting()] == [1, 2, 3]


class Around(Beginning[int]):
    """An answer that is another one, once that has begun."""

    async def _first(self) -> int:
        inner = Counting()
        first = await anext(inner)
        self._rest = rest_of(inner)
        return first


async def test_the_rest_is_the_innermost_generator() -> None:
    answer = Around()
    assert rest_of(answer) is answer
    assert await anext(answer) == 1
    rest = rest_of(answer)
    assert not isinstance(rest, Beginning)
    assert [piece async for piece in rest] == [2, 3]


async def test_closing_closes_what_has_begun() -> None:
    answer = Counting()
    await answer.aclose()
    assert not answer.closed
    assert [await anext(answer), await anext(answer)] == [1, 2]
    await answer.aclose()
    assert answer.closed


async def test_an_error_thrown_in_reaches_the_rest() -> None:
    answer = Counting()
    await anext(answer)
    await anext(answer)
    with pytest.raises(ValueError, match="enough"):
        await answer.athrow(ValueError("enough"))
    assert answer.closed


async def test_an_answer_of_one_piece_ends_behind_it() -> None:
    async def bring() -> str:
        return "all of it"

    assert [piece async for piece in Single(bring)] == ["all of it"]


async def test_an_answer_that_could_not_be_brought_is_not_asked_for_again() -> None:
    async def bring() -> str:
        raise ValueError("no answer")

    answer = Single(bring)
    with pytest.raises(ValueError, match="no answer"):
        await anext(answer)
    assert [piece async for piece in answer] == []
