"""What keys ask is counted together by all processes of a server, and a dead process stops counting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.api.metering import Meter
from proxy.domain.tree import UserId
from proxy.domain.turn import Caller, Limits
from proxy.errors import RateLimited
from proxy.operations import counts
from proxy.operations.counts import SharedCounts

BESIDE = """
import sys
from pathlib import Path
from proxy.operations.counts import SharedCounts
mine = SharedCounts(Path(sys.argv[1]), int(sys.argv[2]), 3)
for _ in range(int(sys.argv[3])):
    with mine.held("k") as count:
        count.running += 1
        count.full_at += 1.0
print("counted", flush=True)
sys.stdin.read()
"""


def beside(folder: Path, worker: int, times: int) -> subprocess.Popen[str]:
    """Another process that counts and goes on living."""
    command = [sys.executable, "-c", BESIDE, str(folder), str(worker), str(times)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def person(**limits: int) -> Caller:
    return Caller(UserId("ann"), "k", "person", limits=Limits(**limits))


@pytest.fixture
def meters(tmp_path: Path) -> list[Meter]:
    return [Meter(100, Limits(), counts=SharedCounts(tmp_path, worker, 2)) for worker in (1, 2)]


def test_processes_that_count_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    others = [beside(tmp_path, worker, 2_000) for worker in (1, 2, 3)]
    try:
        for one in others:
            assert one.stdout is not None
            assert one.stdout.readline() == "counted\n"
        with SharedCounts(tmp_path, 1, 3).held("k") as count:
            assert (count.running, count.full_at) == (6_000, 6_000.0)
    finally:
        for one in others:
            one.communicate()


def test_what_a_killed_process_was_answering_stops_counting_and_its_minute_does_not(tmp_path: Path) -> None:
    own = SharedCounts(tmp_path, 1, 3)
    with own.held("k") as count:
        count.running += 1
    other = beside(tmp_path, 2, 5)
    assert other.stdout is not None
    assert other.stdout.readline() == "counted\n"
    os.kill(other.pid, signal.SIGKILL)
    other.communicate()
    with own.held("k") as count:
        assert count.running == 6
    counts.ended(tmp_path, 2, 3)
    with own.held("k") as count:
        assert (count.running, count.full_at) == (1, 5.0)


def test_a_keys_requests_at_once_and_in_a_minute_hold_over_processes(meters: list[Meter]) -> None:
    first, second = meters
    busy = first.admit(person(at_once=1))
    with pytest.raises(RateLimited):
        second.admit(person(at_once=1))
    busy.release()
    second.admit(person(at_once=1)).release()
    for meter in (first, second, first):
        meter.admit(person(requests_per_minute=3)).release()
    for meter in meters:
        with pytest.raises(RateLimited):
            meter.admit(person(requests_per_minute=3))
        assert meter.left("k", Limits(requests_per_minute=3))["x-ratelimit-remaining-requests"] == "0"


def test_a_refused_request_counts_nowhere(meters: list[Meter]) -> None:
    permit = meters[0].admit(person(at_once=1))
    for _ in range(3):
        with pytest.raises(RateLimited):
            meters[1].admit(person(at_once=1))
    permit.release()
    permit.release()
    meters[1].admit(person(at_once=1))
    with pytest.raises(RateLimited):
        meters[0].admit(person(at_once=1))


def test_keys_do_not_share_a_count_and_those_beyond_the_file_are_counted_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "ROWS", 4)
    own, other = (SharedCounts(tmp_path, worker, 2) for worker in (1, 2))
    for number in range(6):
        with own.held(f"k{number}") as count:
            count.running += number + 1
    for number in range(6):
        with own.held(f"k{number}") as count:
            assert count.running == number + 1
        with other.held(f"k{number}") as count:
            assert count.running == (number + 1 if number < 4 else 0)


def test_ten_thousand_keys_are_counted_together(tmp_path: Path) -> None:
    own, other = (SharedCounts(tmp_path, worker, 2) for worker in (1, 2))
    for number in range(10_000):
        with own.held(f"k{number}") as count:
            count.running += 1
    for number in range(0, 10_000, 7):
        with other.held(f"k{number}") as count:
            assert count.running == 1
