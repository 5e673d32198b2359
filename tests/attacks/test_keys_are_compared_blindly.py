"""How long a wrong key takes says nothing about the right one: keys are looked up by their digest, tokens are compared in constant time.

Times of this thread's CPU are compared over many interleaved tries, not single ones.
"""

from __future__ import annotations

import ast
import inspect
import statistics
import time
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.api import auth, signed_user
from proxy.api.auth import Gatekeeper, digest, new_key
from proxy.domain.turn import Limits
from proxy.errors import Unauthenticated
from proxy.store import keys

pytestmark = pytest.mark.anyio

ROUNDS = 400


class Book:
    """One stored key, found by its digest."""

    def __init__(self, key: str) -> None:
        self._row = SimpleNamespace(
            id="k", user_id="ada", kind="person", policy=None, honours_store=False, limits=Limits()
        )
        self._digest = digest(key)
        self.asked: list[str] = []

    async def key_by_digest(self, mark: str) -> Any:
        self.asked.append(mark)
        return self._row if mark == self._digest else None

    async def has_keys(self) -> bool:
        return True


def request(key: str) -> Any:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    return SimpleNamespace(method="GET", scope={"headers": headers, "state": {}})


async def test_a_key_is_looked_up_by_its_digest_and_never_compared() -> None:
    key = new_key()
    book = Book(key)
    gatekeeper = Gatekeeper(book, ())
    await gatekeeper.caller(request(key))
    for wrong in (key[:-1], key + "x", key[:-1] + "x", key.swapcase()):
        with pytest.raises(Unauthenticated):
            await gatekeeper.caller(request(wrong))
    assert all(len(mark) == 64 and key not in mark for mark in book.asked)
    assert len(set(book.asked)) == 5


@pytest.mark.parametrize("module", [auth, signed_user, keys])
def test_no_secret_stands_in_a_comparison(module: Any) -> None:
    """Nowhere is text that is a key, a digest, a token or a secret compared with `==`, which ends at the first difference."""
    secret = {"key", "shown", "mark", "digest", "token", "secret", "bearer", "authorization"}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Compare) and any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
            names = {one.id for side in (node.left, *node.comparators) for one in [side] if isinstance(one, ast.Name)}
            assert not names & secret, ast.unparse(node)


async def test_a_key_that_is_nearly_right_takes_as_long_as_one_that_is_all_wrong() -> None:
    key = new_key()
    gatekeeper = Gatekeeper(Book(key), ())
    tries = {
        "nearly right": key[:-1] + ("A" if key[-1] != "A" else "B"),
        "all wrong": "sk-graft-" + "!" * (len(key) - 9),
    }
    spent: dict[str, list[float]] = {name: [] for name in tries}
    for number in range(ROUNDS):
        for name in sorted(tries, reverse=bool(number % 2)):
            began = time.thread_time_ns()
            with pytest.raises(Unauthenticated):
                await gatekeeper.caller(request(tries[name]))
            spent[name].append(time.thread_time_ns() - began)
    nearly, wrong = (statistics.median(spent[name]) for name in ("nearly right", "all wrong"))
    assert 0.7 < nearly / wrong < 1.4
