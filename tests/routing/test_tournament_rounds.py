import anyio
import pytest

from proxy.domain.tree import NodeId
from proxy.routing.limits import RoutingLimits, calls_of
from proxy.routing.tournament import Verdict, best, together, tournament
from proxy.routing.windows import Window

pytestmark = pytest.mark.anyio


def window(number):
    node = NodeId(f"n{number}")
    return Window("tip", node, node, (), None, active=False, trail=frozenset([node]))


def pool(size):
    return [window(number) for number in range(size)]


class Judge:
    """Likes windows by number; remembers every group."""

    def __init__(self, likes=None):
        self.likes = likes or {}
        self.groups = []

    async def __call__(self, windows):
        self.groups.append([entry.point for entry in windows])
        shares = [self.likes.get(entry.point, 0.1) for entry in windows]
        order = sorted(range(len(shares)), key=lambda at: -shares[at])
        return [
            Verdict(entry, share, order.index(at) + 1, f"like {entry.point}")
            for at, (entry, share) in enumerate(zip(windows, shares, strict=True))
        ]


async def test_windows_meet_in_groups_of_four_until_one_is_left():
    judge = Judge({"n6": 0.9, "n13": 0.5})
    final = await tournament(pool(16), judge, 4)
    assert [len(group) for group in judge.groups] == [4, 4, 4, 4, 4]
    assert judge.groups[-1] == ["n0", "n6", "n8", "n13"]
    assert final.winner.point == "n6"
    assert final.relevance == 0.9
    assert final.reason == "like n6"


async def test_a_single_window_is_asked_about_by_nobody():
    judge = Judge()
    final = await tournament(pool(1), judge, 4)
    assert (final.winner.point, final.relevance, judge.groups) == ("n0", None, [])


async def test_a_window_without_an_opponent_passes_a_round():
    judge = Judge({"n4": 0.9})
    final = await tournament(pool(5), judge, 4)
    assert judge.groups == [["n0", "n1", "n2", "n3"], ["n0", "n4"]]
    assert final.winner.point == "n4"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 21, 64])
async def test_a_tournament_costs_what_was_computed_for_it(size):
    judge = Judge()
    await tournament(pool(size), judge, 4)
    assert len(judge.groups) == calls_of(size, 4)


async def test_all_groups_of_a_round_are_in_flight_before_any_is_answered():
    likes, waiting, everyone_is_here = Judge(), 0, anyio.Event()

    async def judge(windows):
        nonlocal waiting
        if len(likes.groups) < 4:
            waiting += 1
            if waiting == 4:
                everyone_is_here.set()
            await everyone_is_here.wait()
        return await likes(windows)

    with anyio.fail_after(10):
        await tournament(pool(16), judge, 4)
    assert waiting == 4


async def test_the_windows_that_came_furthest_stand_first_in_the_account():
    judge = Judge({"n0": 0.7, "n1": 0.6, "n4": 0.5})
    final = await tournament(pool(8), judge, 4)
    assert [verdict.window.point for verdict in final.verdicts][:3] == ["n0", "n4", "n1"]
    assert len(final.verdicts) == 8


async def test_a_failing_call_cancels_those_beside_it_and_is_raised_as_it_is():
    cancelled = []

    async def judge(windows):
        if windows[0].point == "n0":
            raise LookupError("no answer")
        try:
            await anyio.sleep_forever()
        except BaseException:
            cancelled.append(windows[0].point)
            raise

    with pytest.raises(LookupError, match="no answer"):
        await tournament(pool(12), judge, 4)
    assert sorted(cancelled) == ["n4", "n8"]


async def test_results_come_in_the_order_of_their_calls():
    first_may_end = anyio.Event()

    async def slow():
        await first_may_end.wait()
        return "slow"

    async def quick():
        first_may_end.set()
        return "quick"

    assert await together([slow, quick]) == ["slow", "quick"]


def test_relevance_decides_then_rank_then_who_was_shown_first():
    one, two, three = pool(3)
    assert best([Verdict(one, 0.2, 1, ""), Verdict(two, 0.8, 2, "")]).window is two
    assert best([Verdict(one, 0.8, 2, ""), Verdict(two, 0.8, 1, "")]).window is two
    assert best([Verdict(one, 0.8, 1, ""), Verdict(two, 0.8, 1, ""), Verdict(three, 0.1, 1, "")]).window is one


@pytest.mark.parametrize("max_calls", range(1, 40))
def test_the_pools_are_as_large_as_the_ceiling_allows(max_calls):
    limits = RoutingLimits(mode="tournament", max_calls=max_calls)
    assert 1 <= limits.pool <= limits.shortlist
    assert limits.pool == 1 or 2 * calls_of(limits.pool, limits.group) + 1 <= max_calls
    assert limits.pool == limits.shortlist or 2 * calls_of(limits.pool + 1, limits.group) + 1 > max_calls


def test_by_default_the_ceiling_holds_two_pools_of_sixteen():
    assert RoutingLimits(mode="tournament").pool == 16
