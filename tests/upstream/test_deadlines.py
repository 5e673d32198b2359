"""Answers that are waited for too long end in a TimeoutError, each at its own time, by one timer for all."""

from __future__ import annotations

import asyncio

import pytest

from proxy.upstream.deadlines import Deadlines

pytestmark = pytest.mark.anyio

LONG_S = 3_600.0


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines()


async def never(deadlines: Deadlines, due: float) -> None:
    with deadlines.until(due):
        await asyncio.get_running_loop().create_future()


async def test_what_waits_too_long_ends_in_a_timeout(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError):
        await never(deadlines, now() + 0.01)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_time_that_is_over_ends_the_next_wait(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError):
        await never(deadlines, now() - 1)


async def test_a_shorter_wait_that_comes_later_ends_first(deadlines: Deadlines) -> None:
    long = asyncio.create_task(never(deadlines, now() + LONG_S))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await never(deadlines, now() + 0.01)
    assert not long.done()
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long


async def test_those_behind_one_that_was_answered_still_end(deadlines: Deadlines) -> None:
    with deadlines.until(now() + 0.01):
        pass
    results = await asyncio.gather(
        *(never(deadlines, now() + after_s) for after_s in (0.03, 0.02, 0.03)), return_exceptions=True
    )
    assert [type(result) for result in results] == [TimeoutError] * 3


async def test_what_ends_in_time_is_left_alone(deadlines: Deadlines) -> None:
    with deadlines.until(now() + 0.01):
        told = "in time"
    with pytest.raises(TimeoutError):
        await never(deadlines, now() + 0.02)
    assert told == "in time"


async def test_a_wait_that_is_cancelled_from_outside_stays_cancelled(deadlines: Deadlines) -> None:
    waiting = asyncio.create_task(never(deadlines, now() + LONG_S))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_error_in_time_is_raised_as_it_is(deadlines: Deadlines) -> None:
    with pytest.raises(ValueError, match="no answer"), deadlines.until(now() + LONG_S):
        raise ValueError("no answer")


def test_each_event_loop_has_a_timer_of_its_own(deadlines: Deadlines) -> None:
    async def waits() -> None:
        waiting = asyncio.create_task(never(deadlines, now() + LONG_S))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(TimeoutError):
            await never(deadlines, now() + 0.01)

    asyncio.run(waits())
    asyncio.run(waits())
