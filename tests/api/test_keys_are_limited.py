"""How much a key may ask at once, in a minute and in a day."""

import pytest

from proxy.api.metering import Meter
from proxy.domain.tree import UserId
from proxy.domain.turn import Caller, Limits
from proxy.errors import Overloaded, RateLimited, StoreError
from proxy.store import SqliteStore

pytestmark = pytest.mark.anyio

NOON = 1_763_812_800.0  # 2025-11-22, 12:00 UTC


class Time:
    def __init__(self):
        self.passed = 0.0

    def now(self):
        return 1000.0 + self.passed

    def clock(self):
        return NOON + self.passed


class Book:
    """A ledger in memory, shared by several meters as a database is."""

    def __init__(self):
        self.sums = {}
        self.fails = False

    async def spent(self, day):
        return {key: tokens for (on, key), tokens in self.sums.items() if on == day}

    async def spend(self, day, tokens):
        if self.fails:
            raise StoreError("The disk is full.")
        for key, more in tokens.items():
            self.sums[day, key] = self.sums.get((day, key), 0) + more
        return {key: self.sums[day, key] for key in tokens}


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def meter_for(time):
    return lambda usual=None, at_once=100: Meter(at_once, usual or Limits(), time.now, time.clock)


def caller(key="k1", **limits):
    return Caller(UserId("ada"), key, "person", limits=Limits(**limits))


def refused(meter, who):
    with pytest.raises(RateLimited) as caught:
        meter.admit(who)
    return caught.value


def test_without_limits_nobody_is_stopped(meter_for):
    meter = meter_for(at_once=1000)
    for _ in range(500):
        assert meter.admit(caller()).headers == {}


def test_a_minute_may_be_used_at_once_and_then_fills_again(meter_for, time):
    meter, who = meter_for(), caller(requests_per_minute=6)
    left = [meter.admit(who).headers["x-ratelimit-remaining-requests"] for _ in range(6)]
    assert left == ["5", "4", "3", "2", "1", "0"]
    error = refused(meter, who)
    assert (error.type, error.code, error.retry_after_s) == ("requests", "rate_limit_exceeded", pytest.approx(10))
    assert error.headers["x-ratelimit-limit-requests"] == "6"
    time.passed += 10
    meter.admit(who)
    refused(meter, who)
    time.passed += 60
    for _ in range(6):
        meter.admit(who)
    refused(meter, who)


def test_a_refused_request_counts_for_nothing(meter_for, time):
    meter, who = meter_for(), caller(requests_per_minute=1, at_once=5)
    meter.admit(who).release()
    for _ in range(50):
        refused(meter, who)
    time.passed += 60
    meter.admit(who)
    assert meter.running == 1


def test_only_so_many_are_answered_at_the_same_time(meter_for):
    meter, who = meter_for(), caller(at_once=2)
    first, _second = meter.admit(who), meter.admit(who)
    assert refused(meter, who).retry_after_s == 1
    first.release()
    first.release()  # a place is given back once
    meter.admit(who)
    refused(meter, who)


def test_another_key_is_not_held_up(meter_for):
    meter = meter_for(Limits(requests_per_minute=1))
    meter.admit(caller("k1"))
    refused(meter, caller("k1"))
    meter.admit(caller("k2"))


def test_a_keys_own_limits_go_before_the_usual_ones(meter_for):
    meter = meter_for(Limits(requests_per_minute=1, at_once=1))
    meter.admit(caller("k1", requests_per_minute=3))
    assert "at once" in refused(meter, caller("k1", requests_per_minute=3)).message


def test_a_full_server_says_so_before_anything_is_done(meter_for):
    meter = meter_for(at_once=2)
    first = meter.admit(caller("k1"))
    meter.admit(caller("k2"))
    with pytest.raises(Overloaded) as caught:
        meter.admit(caller("k3"))
    assert (caught.value.code, caught.value.retry_after_s) == ("overloaded", 1)
    first.release()
    meter.admit(caller("k3"))


def test_a_days_tokens_end_with_the_request_that_uses_them_up(meter_for, time):
    meter, who = meter_for(), caller(tokens_per_day=100)
    permit = meter.admit(who)
    assert permit.headers["x-ratelimit-remaining-tokens"] == "100"
    permit.spent({"total_tokens": 120})
    error = refused(meter, who)
    assert (error.type, error.retry_after_s) == ("tokens", 12 * 3600)
    time.passed += 12 * 3600
    assert meter.admit(who).headers["x-ratelimit-remaining-tokens"] == "100"


def test_of_several_reports_of_one_answer_the_last_counts(meter_for):
    meter, who = meter_for(), caller(tokens_per_day=100)
    permit = meter.admit(who)
    for total in (10, 20, 20, 35):
        permit.spent({"total_tokens": total})
    assert meter.admit(who).headers["x-ratelimit-remaining-tokens"] == "65"


@pytest.mark.parametrize(
    "usage", [None, {}, {"total_tokens": None}, {"total_tokens": "9"}, [], 7, {"total_tokens": -40}]
)
def test_a_report_that_says_nothing_counts_nothing(meter_for, usage):
    meter, who = meter_for(), caller(tokens_per_day=100)
    meter.admit(who).spent(usage)
    assert meter.admit(who).headers["x-ratelimit-remaining-tokens"] == "100"


@pytest.mark.parametrize("total", [-(10**30), 2**63, 10**30])
async def test_an_impossible_report_of_one_provider_does_not_end_the_count_of_other_keys(meter_for, tmp_path, total):
    async with await SqliteStore.open(f"sqlite:///{tmp_path}/graft.db") as store:
        meter = meter_for()
        meter.admit(caller("local")).spent({"total_tokens": 7})
        meter.admit(caller("local")).spent({"total_tokens": total})
        await meter.keep(store)
        later = meter_for()
        await later.recall(store)
    who = caller("local", tokens_per_day=100)
    assert later.admit(who).headers["x-ratelimit-remaining-tokens"] == "93"


async def test_what_was_used_is_known_after_a_restart_and_to_other_processes(meter_for):
    book, who = Book(), caller(tokens_per_day=100)
    one, other = meter_for(), meter_for()
    one.admit(who).spent({"total_tokens": 40})
    other.admit(who).spent({"total_tokens": 30})
    await one.keep(book)
    await other.keep(book)
    assert other.admit(who).headers["x-ratelimit-remaining-tokens"] == "30"
    later = meter_for()
    await later.recall(book)
    assert later.admit(who).headers["x-ratelimit-remaining-tokens"] == "30"


async def test_what_could_not_be_written_down_is_not_forgotten(meter_for):
    book, who = Book(), caller(tokens_per_day=100)
    meter = meter_for()
    meter.admit(who).spent({"total_tokens": 40})
    book.fails = True
    with pytest.raises(StoreError):
        await meter.keep(book)
    book.fails = False
    await meter.keep(book)
    await meter.keep(book)
    assert list(book.sums.values()) == [40]
