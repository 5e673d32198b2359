"""A few rounds of killing servers; `python -m tests.crash` plays many."""

from pathlib import Path

import pytest

from proxy.store import SqliteStore
from tests.crash.__main__ import crash
from tests.crash.ledger import Broken, Told, check, owed
from tests.store.client import Client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("servers", "rounds", "encrypted"), [(1, 3, False), (2, 2, True)])
async def test_no_promise_is_broken_by_a_kill(tmp_path: Path, servers: int, rounds: int, encrypted: bool) -> None:
    happened = await crash(tmp_path, rounds, servers, clients=4, seed=servers, encrypted=encrypted)
    assert happened["kills"] >= rounds
    assert happened["requests"] >= happened["acknowledged"] > 0


def told(client: Client, text: str = "Hello", reply: str = "Hi.", **more: object) -> Told:
    return Told([text], text, node=client.nodes[-1], reply=reply, is_whole=True, **more)


@pytest.fixture
async def client(tmp_path: Path) -> Client:
    async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
        made = await Client.of(store, "local")
        await made.say("Hello", "Hi.")
        yield made


async def test_what_stands_as_it_was_told_is_sound(client: Client) -> None:
    assert (await check(client.store, [told(client)], 0.2))["acknowledged"] == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"text": "Never said"}, "not there"),
        ({"reply": "Something else"}, "was told"),
    ],
)
async def test_what_was_lost_or_changed_is_found(client: Client, changes: dict[str, str], says: str) -> None:
    with pytest.raises(Broken, match=says):
        await check(client.store, [told(client, **changes)], 0.2)


async def test_a_turn_or_a_reply_that_stands_twice_is_found(client: Client) -> None:
    call = await client.again(client.nodes[0])
    await client.answered(call, client.nodes[0], "Hi.")
    with pytest.raises(Broken, match="whole replies"):
        await check(client.store, [told(client)], 0.2)
    await client.say("Hello", "Hi.", under=client.nodes[1])
    with pytest.raises(Broken, match="more than once"):
        await check(client.store, [told(client)], 0.2)


async def test_a_cut_reply_that_lost_its_checkpoint_or_changed_is_found(client: Client) -> None:
    call, turn = await client.ask("More?")
    [cut] = await client.answered(call, turn, "You said: Mo", status="interrupted")
    asked = Told(["More?"], "More?", node=cut, chunks=[(0.0, "You said: More?"), (2.0, "a"), (3.0, "b")])
    with pytest.raises(Broken, match="last checkpoint"):
        await check(client.store, [asked], 0.2)
    call, turn = await client.ask("Less?")
    await client.answered(call, turn, "I never said that", status="interrupted")
    with pytest.raises(Broken, match="no beginning"):
        await check(client.store, [], 0.2)


def test_what_is_owed_of_a_cut_reply_came_a_checkpoint_before_the_last_chunk_but_one() -> None:
    chunks = [(float(at), "x" * at) for at in range(1, 6)]
    assert owed(Told([], "", chunks=chunks), checkpoint_s=1.0, jitter_s=1.0) == "xx"
    assert owed(Told([], "", chunks=chunks[:1]), checkpoint_s=1.0, jitter_s=1.0) == ""
