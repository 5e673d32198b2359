"""`/api/me`: what is stored of who asks, all of it in one file, and all of it deleted; what is being answered meanwhile ends."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from zipfile import ZipFile

import pytest

from proxy.api.auth import Gatekeeper, digest
from proxy.api.metering import Meter
from proxy.domain.tree import UserId
from proxy.domain.turn import Caller, Limits
from proxy.errors import RateLimited, Unauthenticated
from proxy.store.persons.methods import FORGOTTEN_WITHIN_S
from proxy.store.records import Key
from tests.api.house import House, open_house
from tests.doubles.running import UpstreamDouble

SAID = "My bassoon is in the attic."


@pytest.fixture(scope="module")
def gated(upstream_process: UpstreamDouble) -> Iterator[House]:
    """The application over the scripted upstream, whose answers can be held back."""
    params = {"model": "openai/gpt-test", "api_base": upstream_process.base_url, "api_key": "sk-upstream"}
    entry = {"model_name": "mirror", "litellm_params": params, "model_info": {"lane": "raw"}}
    with open_house(model_list=[entry], routing={"embedder": "static"}) as opened:
        opened.key("keeper")
        yield opened


class Kept:
    """Keys by their digests."""

    def __init__(self, keys: dict[str, Key]) -> None:
        self._keys = keys

    async def key_by_digest(self, digest: str) -> Key | None:
        return self._keys.get(digest)

    async def has_keys(self) -> bool:
        return True


def person(user: str, key_id: str) -> Key:
    return Key(key_id, UserId(user), "person", "sk-graft", None, None, 0.0, None, None)


def rows_of(house: House, user: str) -> int:
    return sum(
        house.rows(f"SELECT count(*) FROM {table} WHERE user_id = ?", user)[0][0]
        for table in ("trees", "nodes", "calls", "transcripts", "zones", "keys", "decisions")
    )


def test_a_person_is_told_how_much_is_stored_of_them(house: House) -> None:
    ann = house.person()
    assert ann.get("/api/me") | {"created_at": 0} == {
        "object": "user", "id": ann.user, "created_at": 0, "trees": 0, "nodes": 0, "keys": 1,
    }  # fmt: skip
    ann.say(SAID)
    told = ann.get("/api/me")
    assert (told["trees"], told["nodes"]) == (1, 2)


def test_a_person_gets_everything_in_one_file(house: House) -> None:
    ann, bob = house.person(), house.person()
    ann.say(SAID)
    bob.say("The oboe is mine.")
    answer = ann.send("GET", "/api/me/export")
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as archive:
        nodes = [json.loads(line) for line in archive.read("nodes.jsonl").splitlines()]
        assert nodes[0]["content"] == {"role": "user", "content": SAID}
        assert not [name for name in archive.namelist() if b"oboe" in archive.read(name)]


def test_a_person_leaves_with_everything(house: House) -> None:
    ann, bob = house.person(), house.person()
    for one in (ann, bob):
        one.say(SAID)
        one.ok("PUT", "/api/zones/user", {"text": "Plays."})
    before = rows_of(house, bob.user)
    assert ann.ok("DELETE", f"/api/me?confirm={ann.user}") == {
        "id": ann.user, "object": "user.deleted", "deleted": True,
    }  # fmt: skip
    ann.refused("GET", "/api/me", status=401)
    assert rows_of(house, ann.user) == 0
    assert rows_of(house, bob.user) == before
    assert house.ask(lambda store: store.verify()) == []


@pytest.mark.parametrize("query", ["", "?confirm=", "?confirm=yes", "?confirm=keeper"])
def test_nobody_leaves_by_accident(house: House, query: str) -> None:
    ann = house.person()
    ann.say(SAID)
    assert ann.refused("DELETE", f"/api/me{query}")["param"] == "confirm"
    assert ann.get("/api/me")["nodes"] == 2


def test_an_app_deletes_the_people_it_names_and_not_itself(house: House) -> None:
    key, app = house.key(kind="app")
    ann, bob, alone = (house.sub_user(key, app, name) for name in ("ann", "bob", None))
    for one in (ann, bob):
        one.say(SAID)
    ann.ok("DELETE", f"/api/me?confirm={app}/ann")
    assert rows_of(house, f"{app}/ann") == 0
    assert bob.get("/api/me")["nodes"] == 2
    assert ann.get("/api/me")["nodes"] == 0  # the app may come back with somebody of that name
    told = alone.refused("DELETE", f"/api/me?confirm={app}", status=403)
    assert "graft users delete" in told["message"]
    bob.refused("DELETE", f"/api/me?confirm={app}")


def test_nothing_that_was_sent_before_is_known_again(house: House) -> None:
    key, app = house.key(kind="app", policy="auto")
    ann = house.sub_user(key, app, "ann")
    ann.say(SAID)
    ann.ok("DELETE", f"/api/me?confirm={app}/ann")
    assert ann.say(SAID, "Good to know.", "Where is it?")["x-graft-route"] == "continue"
    nodes = house.rows("SELECT count(*) FROM nodes WHERE user_id = ?", f"{app}/ann")
    assert nodes == [(4,)]  # what somebody new brings is theirs
    assert house.ask(lambda store: store.verify()) == []


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("route", "late"), [("auto", False), ("off", False), ("auto", True)])
async def test_what_is_being_answered_ends_and_is_not_stored(
    gated: House, upstream: UpstreamDouble, stream: bool, route: str, late: bool
) -> None:
    """Also where this process looks too late, when nothing tells any more who it was."""
    ann = gated.person()
    waits_s = 0 if late else FORGOTTEN_WITHIN_S
    upstream.script({"do": "gate", "name": "never"})
    body = {"model": "mirror", "messages": [{"role": "user", "content": SAID}], "stream": stream}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(ann.send, "POST", "/v1/chat/completions", body, x_graft_route=route)
        await upstream.began()
        if stream:
            upstream.release("never")
        try:
            gated.ask(lambda store: store.delete_user(UserId(ann.user), forgotten_within_s=waits_s))
            answer = running.result(30)
        finally:
            upstream.release("never", 100)
    assert await upstream.ended() == "left"
    assert "user_deleted" in answer.text
    assert "[DONE]" not in answer.text
    assert stream or answer.status_code == 404
    gated.settle()
    assert rows_of(gated, ann.user) == 0
    assert gated.ask(lambda store: store.verify()) == []


def test_what_the_router_held_ready_is_forgotten(house: House) -> None:
    ann = house.person()
    told = ann.say(SAID)
    ann.say("And where is the oboe?")
    tree = ann.get(f"/api/nodes/{told['x-graft-node']}")["tree_id"]
    held = house.parts.router._grove._models
    house.settle()
    assert (ann.user, tree) in held
    ann.ok("DELETE", f"/api/me?confirm={ann.user}")
    assert (ann.user, tree) not in held
    assert ann.user not in house.store._users


@pytest.mark.anyio
async def test_keys_and_counts_of_the_departed_are_not_trusted() -> None:
    keys = {digest("one"): person("ann", "k_1"), digest("two"): person("bob", "k_2")}
    meter = Meter(at_once=9, usual=Limits(tokens_per_day=100))
    gatekeeper = Gatekeeper(Kept(keys), ())
    for shown in ("one", "two"):
        await gatekeeper._key(digest(shown))
    for name in ("ann", "bob"):
        caller = Caller(UserId(name), keys[digest("one" if name == "ann" else "two")].id, "person")
        meter.admit(caller).release()
        meter.spend(caller.key_id, 100)
    keys.clear()
    for key_id in gatekeeper.forget({UserId("ann")}):
        meter.forget(key_id)
    with pytest.raises(Unauthenticated):
        await gatekeeper._key(digest("one"))
    assert (await gatekeeper._key(digest("two"))).user_id == "bob"
    meter.admit(Caller(UserId("ann"), "k_1", "person"))
    with pytest.raises(RateLimited):
        meter.admit(Caller(UserId("bob"), "k_2", "person"))
