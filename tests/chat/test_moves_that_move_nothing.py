"""A move to where a turn stands, or behind itself, is told as what it is."""

from __future__ import annotations

import pytest

from tests.chat.road import Json, Road, Told, user

pytestmark = pytest.mark.anyio


async def talked(road: Road) -> list[Json]:
    """Bread, and trains at the root beside it."""
    bread = await road.ask(user("Bread?"))
    history = [user("Bread?"), bread.message, user("Trains?")]
    return [*history, (await road.ask(*history, parent="root")).message]


async def typed(road: Road, history: list[Json], name: str) -> Told:
    return await road.ask(*history, user(f"/graft {name}"))


async def test_a_move_to_where_a_turn_stands_offers_no_undo(road: Road) -> None:
    history = await talked(road)
    told = await typed(road, history, "move root")
    assert told.text == '"Trains?" stands there already, at the root, as a new topic.'
    told = await typed(road, history, "move bread")
    assert told.text.endswith("now. `/graft undo` takes it back.")
    told = await typed(road, history, "move bread")
    assert told.text.startswith('"Trains?" stands there already, behind "Bread?"')
    assert "undo" not in told.text


@pytest.mark.parametrize("role", ["user", "assistant"])
@pytest.mark.parametrize("by", ["id", "end", "quoted end"])
async def test_a_turn_does_not_move_behind_itself(road: Road, role: str, by: str) -> None:
    history = await talked(road)
    (own,) = [node for node in (await road.nodes())[2:] if node.message.role == role]
    named = {"id": own.id, "end": own.id[-8:], "quoted end": f"`{own.id[-8:]}`"}[by]
    told = await typed(road, history, f"move {named}")
    assert told.text == f"`{own.id[-8:]}` is below what is to be moved, or the same."
