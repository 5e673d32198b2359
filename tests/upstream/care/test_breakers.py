"""When a server that failed is asked again."""

import pytest

from proxy.errors import UpstreamError
from proxy.upstream.care.breaker import Breaker, Rest


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(Rest(failures=3, rest_s=10, asked_for_s=60), clock)


def failure(retry_after_s=None):
    return UpstreamError("Broken.", model="m", status=500, retry_after_s=retry_after_s)


def fail(breaker, times=1, retry_after_s=None):
    for _ in range(times):
        breaker.failed(failure(retry_after_s))


def test_a_few_failures_are_borne(breaker):
    fail(breaker, 2)
    assert breaker.admits()


def test_an_answer_wipes_the_record(breaker):
    fail(breaker, 2)
    breaker.answered()
    fail(breaker, 2)
    assert breaker.admits()


def test_so_many_failures_in_a_row_keep_everybody_away_for_a_while(breaker, clock):
    fail(breaker, 3)
    assert not breaker.admits()
    assert breaker.resting_s == 10
    clock.now += 9.9
    assert not breaker.admits()


def test_after_the_rest_one_request_tries_and_the_others_wait_for_it(breaker, clock):
    fail(breaker, 3)
    clock.now += 10
    assert breaker.admits()
    assert not breaker.admits()
    breaker.answered()
    assert breaker.admits()
    assert breaker.admits()


def test_each_failed_try_doubles_the_rest_up_to_an_end(breaker, clock):
    fail(breaker, 3)
    rests = []
    for _ in range(7):
        rests.append(breaker.resting_s)
        clock.now += breaker.resting_s
        assert breaker.admits()
        fail(breaker)
    assert rests == [10, 20, 40, 80, 160, 160, 160]


def test_a_try_whose_client_left_lets_the_next_one_try(breaker, clock):
    fail(breaker, 3)
    clock.now += 10
    assert breaker.admits()
    breaker.spared()
    assert breaker.admits()


@pytest.mark.parametrize(("asked_for", "granted"), [(7, 7), (3600, 60)])
def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(breaker, asked_for, granted):
    fail(breaker, retry_after_s=asked_for)
    assert not breaker.admits()
    assert breaker.resting_s == granted
