"""Completions are found and listed through their indexes, in order of arrival, without sorting."""

import pytest

from proxy.store.browse import completions
from tests.store.client import Client

pytestmark = pytest.mark.anyio


def listed(order: str) -> str:
    beyond = ">" if order == "asc" else "<"
    return completions.LISTED.format(stored=completions._STORED, beyond=beyond, order=order)


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_list_is_read_from_an_index_in_its_order(client: Client, order: str):
    values = {"user": "ada", "after": 3, "model": None, "metadata": "{}", "limit": 21}
    sql = f"EXPLAIN QUERY PLAN {listed(order)}"
    steps = await client.store._read(lambda db: [step for *_, step in db.execute(sql, values)])
    assert any("calls_status" in step for step in steps)
    assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN c")]


async def test_a_completion_without_an_id_of_the_providers_is_listed_by_its_call(client: Client):
    await client.answered(*await client.ask("Boats?"), "Float.", completion=None)
    (stored,) = (await client.store.stored_page(client.user.id, None, 9, "asc", None, {})).items
    assert stored.id == stored.call.id
    assert [node.message.text for node in stored.replies] == ["Float."]
    assert await client.store.forget_stored(client.user.id, stored.id) == 2


async def test_nobody_lists_what_is_somebody_elses(client: Client):
    await client.say("Boats?", "Float.")
    other = await Client.of(client.store, "bob", "chat", "main")
    assert (await other.store.stored_page(other.user.id, None, 9, "asc", None, {})).items == []
