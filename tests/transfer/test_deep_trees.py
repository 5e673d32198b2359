"""A chat of five thousand messages, one below the other: nothing on its way calls itself level by level."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.domain.tree import NodeId, Tree, UserId
from proxy.errors import InvalidRequest
from proxy.store import SqliteStore
from proxy.transfer import formats
from tests.transfer.growing import Copy, brought, exported, node, written

pytestmark = pytest.mark.anyio
ADA = UserId("ada")
LEVELS = 5_000
TOP, MIDDLE, BOTTOM = NodeId("n_0"), NodeId(f"n_{LEVELS // 2}"), NodeId(f"n_{LEVELS - 1}")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SqliteStore]:
    folder: Path = tmp_path_factory.mktemp("deep")
    async with await SqliteStore.open(f"sqlite:///{folder}/graft.db") as opened:
        chain = [
            node(
                f"n_{i}",
                f"n_{i - 1}" if i else None,
                {"role": "assistant" if i % 2 else "user", "content": f"word {i}"},
            )
            for i in range(LEVELS)
        ]
        imported = await brought(opened, await written(Copy(chain)))
        assert imported.added == LEVELS
        yield opened


async def test_a_deep_tree_goes_out_in_every_format_and_in_again(store: SqliteStore):
    tree = await store.tree(ADA, "main")
    for form in formats.WRITTEN:
        document = await exported(store, tree, form, BOTTOM if form in formats.BRANCH_ONLY else None)
        assert document.count(b"word ") == LEVELS, form
        if form in formats.READABLE:
            assert (await brought(store, document, "bob", f"as {form}", keeps_ids=False)).added == LEVELS, form


async def read_in_slices(store: SqliteStore, tree: Tree) -> int:
    """How many nodes a reader that follows the tree is given."""
    page = await store.slice(ADA, tree.id, None)
    count = len(page.nodes)
    while page.more:
        page = await store.slice(ADA, tree.id, page.mark)
        count += len(page.nodes)
    return count


async def test_a_deep_tree_is_read_changed_and_deleted(store: SqliteStore):
    tree = await store.tree(ADA, "main")
    assert len(await store.path(ADA, BOTTOM)) == LEVELS
    below: list[NodeId] = []
    after, more = None, True
    while more:
        page = await store.subtree_page(ADA, TOP, after, 1_000)
        below += [one.id for one in page.items]
        after, more = below[-1], page.has_more
    assert below == [NodeId(f"n_{i}") for i in range(LEVELS)]
    assert (await store.path_lengths(ADA, [BOTTOM]))[BOTTOM][0] == LEVELS
    with pytest.raises(InvalidRequest, match="below"):
        await store.move(ADA, TOP, BOTTOM, "move")
    await store.move(ADA, MIDDLE, None, "move")
    assert len(await store.path(ADA, BOTTOM)) == LEVELS // 2
    assert await read_in_slices(store, tree) == LEVELS
    assert await store.verify() == []
    assert await store.delete(ADA, TOP) == LEVELS // 2
    assert await store.delete(ADA, MIDDLE) == LEVELS // 2
    assert await store.verify() == []
