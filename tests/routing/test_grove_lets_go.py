"""What is held of all trees together is bounded; a tree that was let go is read again."""

import threading
from collections.abc import Sequence

import pytest

from proxy.domain.placement import FeedNode, Mark, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.grove import Grove, TreeModel

pytestmark = pytest.mark.anyio

USER = UserId("u")


class Trees:
    """A feed of trees that are named after how many nodes they have."""

    def __init__(self) -> None:
        self.asked: list[tuple[TreeId, Mark | None]] = []

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:
        self.asked.append((tree_id, mark))
        count = 0 if mark else int(tree_id)
        nodes = [FeedNode(NodeId(f"{user_id}-{tree_id}-{at}"), None, "user", "text", 1.0) for at in range(count)]
        return TreeSlice(Mark(0, int(tree_id)), nodes, reset=mark is None)


async def followed(grove: Grove, *trees: str) -> list[int]:
    return [len((await grove.follow(USER, TreeId(tree))).nodes) for tree in trees]


async def test_trees_used_longest_ago_are_let_go_when_nodes_are_many():
    feed = Trees()
    grove = Grove(feed, keep_nodes=100)
    assert await followed(grove, "40", "50", "40", "30") == [40, 50, 40, 30]
    assert [mark is None for _, mark in feed.asked] == [True, True, False, True]
    assert await followed(grove, "40", "30", "50") == [40, 30, 50]
    assert [mark is None for _, mark in feed.asked[4:]] == [False, False, True]


async def test_trees_used_longest_ago_are_let_go_when_trees_are_many():
    feed = Trees()
    grove = Grove(feed, keep=2)
    await followed(grove, "1", "2", "3", "2", "1")
    assert [mark is None for _, mark in feed.asked] == [True, True, True, False, True]


async def test_the_tree_in_use_stays_however_large_it_is():
    feed = Trees()
    grove = Grove(feed, keep_nodes=10)
    assert await followed(grove, "500", "500") == [500, 500]
    assert [mark is None for _, mark in feed.asked] == [True, False]


class Listening:
    """Remembers on which threads it was shown nodes."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def reset(self) -> None:
        pass

    def add(self, nodes: Sequence[FeedNode]) -> None:
        if nodes:
            self.threads.append(threading.get_ident())


async def test_a_large_tree_is_read_in_off_the_event_loop():
    listening = Listening()

    def build(_: object) -> TreeModel:
        model = TreeModel()
        model.listen(listening)
        return model

    grove = Grove(Trees(), build)
    await followed(grove, "3", "400")
    here = threading.get_ident()
    assert [thread == here for thread in listening.threads] == [True, False]
