"""Names as people type them: in quotes of any kind, and the prefix in any case."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from proxy.store import SqliteStore
from tests.chat.road import Road, Told, user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def road() -> AsyncIterator[Road]:
    """A road on which bread was talked of, and beside it trains."""
    async with SqliteStore("sqlite://:memory:") as store:
        road = Road(store)
        for topic in ("Bread that smells?", "Trains?"):
            await road.ask(user(topic), parent="root")
        yield road
        await road.settle()


async def typed(road: Road, command: str) -> Told:
    return await road.ask(user(command))


@pytest.mark.parametrize("quotes", ["", '""', "''", "``", "“”", "„“", "«»", "»«", "「」"])
@pytest.mark.parametrize("named", ["that smells", "Bread that", "ID"])
async def test_a_name_may_stand_in_quotes(road: Road, named: str, quotes: str) -> None:
    bread = (await road.nodes())[1].id
    named = named.replace("ID", bread[-8:])
    told = await typed(road, f"/graft goto {quotes[:1]}{named}{quotes[1:]}")
    assert told.text.startswith('The next turn goes on behind "Bread that smells?"')


@pytest.mark.parametrize("named", ['"', '""', "\"smells'", "`smells", "“smells»", '"nothing"'])
async def test_a_name_without_a_pair_of_quotes_is_not_found_by_what_is_in_it(road: Road, named: str) -> None:
    assert "Nothing here is called" in (await typed(road, f"/graft goto {named}")).text


async def test_quotes_that_belong_to_a_title_are_part_of_the_name(road: Road) -> None:
    quoted = await road.ask(user('"Trains?"'), parent="root")
    await typed(road, '/graft goto "Trains?"')
    assert (await road.ask(user("And then?"))).parent == quoted.node


@pytest.mark.parametrize("said", ["/GRAFT help", "/Graft Help", "/graft HELP"])
async def test_a_command_is_known_in_any_case(road: Road, said: str) -> None:
    assert (await typed(road, said)).text.startswith("Commands:")
    assert said not in await road.said()
