"""A ceiling on calls and on time, whatever the size of the tree."""

import threading
import time
from dataclasses import replace

import anyio
import anyio.to_thread
import pytest

from proxy.domain.tree import NodeId, UserId
from proxy.routing.limits import OutOfTime, RoutingLimits
from proxy.routing.router import GraftRouter, build_llm
from tests.doubles.scenery import FakeGate, FakeScorer, Planting, about, ask, leaning

pytestmark = pytest.mark.anyio


def forest(branches, pairs):
    planting = Planting()
    for number in range(branches):
        planting.talk(f"topic{number}x", pairs=pairs)
    return planting


def router(planting, scorer, gate=None, **limits):
    bounds = RoutingLimits(**{"mode": "tournament", "deadline_s": 60.0, **limits})
    return GraftRouter(planting.grove(), gate or FakeGate(), bounds, lambda: build_llm(scorer, bounds))


@pytest.mark.parametrize(
    ("branches", "short", "long"),
    [(1, 1, 1), (2, 1, 2), (4, 1, 2), (5, 2, 4), (16, 5, 10), (17, 5, 10), (64, 5, 10), (500, 5, 10)],
)
async def test_the_calls_of_a_decision_do_not_grow_with_the_tree(branches, short, long):
    """Short branches have one window, long ones two; neither needs the exploration here."""
    last = f"topic{branches - 1}x"
    for pairs, calls in ((2, short), (3, long)):
        scorer = FakeScorer(about(**{last: 0.9}))
        found = await router(forest(branches, pairs), scorer).attach(ask(cursor=f"{last}-{pairs}a"))
        assert (found.parent_id, found.degraded) == (f"{last}-{pairs}a", False)
        assert found.calls == scorer.calls == calls


@pytest.mark.parametrize("max_calls", range(1, 14))
async def test_the_ceiling_holds_even_when_the_winners_disagree(max_calls):
    def like(text):
        return 0.9 if "topic3x question 1" in text or "topic2x question 4" in text else 0.1

    scorer = FakeScorer(like)
    found = await router(forest(40, 4), scorer, max_calls=max_calls).attach(ask(cursor="topic39x-4a"))
    assert not found.degraded
    assert 1 <= found.calls == scorer.calls <= max_calls


async def test_a_ceiling_of_nothing_asks_nobody():
    scorer = FakeScorer()
    found = await router(forest(4, 4), scorer, max_calls=0).attach(ask(cursor="topic3x-4a"))
    assert (found.parent_id, scorer.calls, found.degraded) == ("topic3x-4a", 0, False)


async def test_the_calls_of_a_round_of_both_pools_are_in_flight_together():
    scorer = FakeScorer(about(topic3x=0.9))
    scorer.pause, scorer.arrived, scorer.expected = anyio.Event(), anyio.Event(), 8
    placing = router(forest(16, 4), scorer)
    await placing.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(placing.attach, ask(cursor="topic15x-4a"))
        with anyio.fail_after(60):
            await scorer.arrived.wait()
        assert scorer.calls == 8
        scorer.pause.set()
    assert scorer.most_in_flight == 8
    assert scorer.calls == 10


async def test_a_scorer_that_never_answers_is_given_up_at_the_deadline():
    scorer = FakeScorer()
    scorer.pause = anyio.Event()
    gate = FakeGate(leaning("topic1x-4a", 0.6))
    placing = router(forest(8, 4), scorer, gate, deadline_s=0.05)
    await placing.start()
    with anyio.fail_after(60):
        found = await placing.attach(ask(cursor="topic7x-4a"))
    assert (found.parent_id, found.degraded) == ("topic1x-4a", True)
    assert "longer than 0.05 s" in found.reason
    assert found.calls == scorer.calls == 4
    assert scorer.in_flight == 0
    assert scorer.cancelled == 4


async def test_a_scorer_that_is_still_being_loaded_holds_no_turn_beyond_the_deadline():
    loaded = threading.Event()

    def build():
        loaded.wait(60)
        return build_llm(FakeScorer(about(topic3x=0.9)), RoutingLimits(mode="tournament"))

    placing = GraftRouter(forest(8, 4).grove(), FakeGate(), RoutingLimits(mode="tournament", deadline_s=0.05), build)
    try:
        with anyio.fail_after(30):
            found = await placing.attach(ask(cursor="topic7x-4a"))
    finally:
        loaded.set()
    assert (found.parent_id, found.degraded, found.calls) == ("topic7x-4a", True, 0)


async def test_a_turn_waits_for_another_users_computation_no_longer_than_the_deadline():
    busy, done = threading.Event(), threading.Event()

    class Slow(FakeGate):
        def attach(self, model, question, until=0.0):
            busy.set()
            done.wait(60)
            return super().attach(model, question)

    placing = GraftRouter(forest(2, 2).grove(), Slow(), RoutingLimits(mode="tournament", deadline_s=0.05))
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(placing.attach, ask(cursor="topic0x-2a"))
            with anyio.fail_after(60):
                await anyio.to_thread.run_sync(busy.wait)
                other = replace(ask(cursor="topic1x-2a"), user_id=UserId("bob"))
                found = await placing.attach(other)
            assert not done.is_set()
            done.set()
    finally:
        done.set()
    assert (found.parent_id, found.degraded, found.confidence) == ("topic1x-2a", True, 0.5)
    assert found.reason.startswith("There was no time")


@pytest.mark.parametrize("fresh", [None, "auto"])
async def test_an_embedded_scorer_that_is_out_of_time_is_done_without_and_no_llm_is_asked(fresh):
    seen = []

    class Late(FakeGate):
        def attach(self, model, question, until=0.0):
            seen.append(until)
            raise OutOfTime

    scorer = FakeScorer()
    found = await router(forest(2, 2), scorer, Late()).attach(replace(ask(cursor="topic1x-2a"), fresh=fresh))
    assert found.parent_id == ("topic1x-2a" if fresh is None else None)
    assert (found.degraded, scorer.calls) == (True, 0)
    assert seen[0] > time.monotonic()


async def test_a_group_as_large_as_the_shortlist_asks_about_each_pool_once():
    scorer = FakeScorer(about(topic3x=0.9))
    found = await router(forest(40, 4), scorer, group=16).attach(ask(cursor="topic39x-4a"))
    assert (found.parent_id, found.calls) == ("topic3x-4a", 2)
    assert [len(scorer.blocks(call)) for call in range(2)] == [16, 16]


async def test_a_client_that_leaves_takes_its_scorer_calls_with_it():
    scorer = FakeScorer()
    scorer.pause, scorer.arrived, scorer.expected = anyio.Event(), anyio.Event(), 8
    placing = router(forest(16, 4), scorer)
    await placing.start()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(placing.attach, ask(cursor="topic15x-4a"))
            await scorer.arrived.wait()
            tasks.cancel_scope.cancel()
    assert (scorer.in_flight, scorer.cancelled) == (0, 8)
    scorer.pause.set()
    scorer.like = about(topic3x=0.9)
    assert (await placing.attach(ask(cursor="topic15x-4a"))).parent_id == "topic3x-4a"


async def test_a_failing_call_cancels_the_calls_beside_it():
    scorer = FakeScorer()
    never = anyio.Event()

    async def one_fails(messages, options):
        scorer.in_flight += 1
        if scorer.in_flight == 8:
            raise RuntimeError("down")
        try:
            await never.wait()
        except BaseException:
            scorer.cancelled += 1
            raise

    placing = router(forest(16, 4), one_fails)
    with anyio.fail_after(60):
        found = await placing.attach(ask(cursor="topic15x-4a"))
    assert found.degraded
    assert scorer.cancelled == 7


async def test_the_windows_shown_stay_bounded_whatever_was_said():
    planting = Planting()
    for number in range(20):
        planting.add(f"u{number}", None, "user", f"topic{number}x " + "word " * 20_000, system="rule " * 5_000)
        planting.add(f"a{number}", f"u{number}", "assistant", "word " * 20_000)
    scorer = FakeScorer(about(topic1x=0.9))
    await router(planting, scorer).attach(ask("word " * 20_000, cursor="a19"))
    assert max(len(prompt[-1].text) for prompt in scorer.prompts) < 4 * (2 * 600 + 400) + 2_500


async def test_the_cursors_branch_is_in_the_tournament_whatever_the_gate_likes():
    planting = forest(64, 4)
    gate = FakeGate(favourites=[f"topic{number}x-4a" for number in range(20)])
    scorer = FakeScorer(about(topic50x=0.9))
    found = await router(planting, scorer, gate).attach(ask(cursor="topic50x-4a"))
    assert (found.parent_id, found.route) == (NodeId("topic50x-4a"), "continue")
