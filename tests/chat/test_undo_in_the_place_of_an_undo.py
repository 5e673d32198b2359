"""A client edits a command, or asks for it anew: its history holds no command, although one stood in that place."""

from __future__ import annotations

import pytest

from tests.chat.road import Json, Road, Told, user

pytestmark = pytest.mark.anyio


async def talked(road: Road) -> list[Json]:
    """Bread, and a turn about salt that went where its client was."""
    bread = await road.ask(user("Bread?"))
    history = [user("Bread?"), bread.message, user("How much salt?")]
    return [*history, (await road.ask(*history, policy="follow")).message]


async def typed(road: Road, history: list[Json], name: str) -> Told:
    return await road.ask(*history, user(f"/graft {name}"))


async def is_at_root(road: Road) -> bool:
    (salt,) = [node for node in await road.nodes() if node.message.text == "How much salt?"]
    return salt.parent_id is None


async def test_an_undo_that_did_nothing_does_nothing_again(road: Road) -> None:
    history = await talked(road)
    for _ in range(3):
        assert "There is nothing to undo" in (await typed(road, history, "undo")).text
    assert len(road.upstream.asked) == 2
    assert len(await road.nodes()) == 4


async def test_an_undo_takes_back_a_move_that_was_made_since_the_last_one(road: Road) -> None:
    history = await talked(road)
    await typed(road, history, "undo")
    await typed(road, history, "move root")
    assert await is_at_root(road)
    await typed(road, history, "undo")
    assert not await is_at_root(road)
    await typed(road, history, "move root")
    await typed(road, history, "undo")
    assert not await is_at_root(road)


async def test_the_same_undo_again_leaves_the_turn_where_it_went(road: Road) -> None:
    history = await talked(road)
    await typed(road, history, "move root")
    first = await typed(road, history, "undo")
    again = await typed(road, history, "undo")
    assert not await is_at_root(road)
    assert first.node != again.node
