"""Ids are drawn in blocks, and none comes twice: not in one process, not in those that are forked from it."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

from proxy.domain.tree import new_id
from proxy.operations import entry
from proxy.operations.chance import Letters


def drawn_in_a_fork(letters: Letters) -> str:
    """What a forked child draws next."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, letters.take().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as told:
        return told.read()


def test_texts_of_several_blocks_are_of_one_length_and_all_different() -> None:
    letters = Letters(8, lambda count: os.urandom(count // 2).hex())
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: letters.take(), range(2_000)))
    assert {len(one) for one in taken} == {8}
    assert len({*taken}) > 1_990, "thirty-two bits of chance, two thousand times"
    assert len({*(letters.take() for _ in range(2_000)), *taken}) > 3_980


def test_a_forked_process_draws_for_itself() -> None:
    letters = Letters(32, lambda count: os.urandom(count // 2).hex())
    letters.take()
    child = drawn_in_a_fork(letters)
    assert len(child) == 32
    assert child not in {letters.take() for _ in range(255)}


def test_ids_keep_their_shape() -> None:
    assert re.fullmatch(r"req_[0-9a-f]{24}", entry.new_id())
    assert re.fullmatch(r"n_[0-9A-Za-z]{22}", new_id("n"))
    assert len({new_id("n") for _ in range(3_000)}) == 3_000
