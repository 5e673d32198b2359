"""Keys of both kinds, sub-users, and the lone user of a server that has no keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from proxy.api import auth
from proxy.api.auth import LOCAL, Gatekeeper, digest, is_loopback, new_key
from proxy.api.signed_user import SignedUsers
from proxy.app.parts import signed_users
from proxy.config import ClientSettings
from proxy.domain.tree import UserId
from proxy.domain.turn import Caller, KeyKind, Limits
from proxy.errors import ConfigError, Forbidden, InvalidRequest, Unauthenticated
from tests.api.house import House, open_house

JSON = {"content-type": "application/json"}
HELLO = {"model": "mirror", "messages": [{"role": "user", "content": "Hello"}]}


@dataclass
class Keys:
    """Implements `auth.KeyStore`."""

    valid: dict[str, tuple[str, KeyKind]] = field(default_factory=dict)
    any_made: bool = True
    asked: int = 0

    async def key_by_digest(self, mark: str) -> Any:
        self.asked += 1
        for key, (user, kind) in self.valid.items():
            if digest(key) == mark:
                return SimpleNamespace(
                    id=f"id-{key}", user_id=UserId(user), kind=kind, policy=None, honours_store=False, limits=Limits()
                )
        return None

    async def has_keys(self) -> bool:
        self.asked += 1
        return self.any_made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time as the gatekeeper sees it; this machine was started a moment ago."""
    time = SimpleNamespace(now=0.5)
    monkeypatch.setattr(auth.time, "monotonic", lambda: time.now)
    return time


async def ask(gate: Gatekeeper, key: str | None, body: dict[str, Any] | None = None, **headers: str) -> Caller:
    told = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if key is not None:
        told["authorization"] = f"Bearer {key}"
    return await gate.caller(request("POST", told), body)


def request(method: str, headers: dict[str, str]) -> Any:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return SimpleNamespace(method=method, scope={"headers": raw})


# Keys


@pytest.mark.anyio
async def test_a_persons_key_is_one_user_whatever_the_request_says() -> None:
    gate = Gatekeeper(Keys({"sk": ("ann", "person")}), ["x-graft-user"])
    caller = await ask(gate, "sk", {"user": "bob", "safety_identifier": "eve"}, x_graft_user="mallory")
    assert caller == Caller(UserId("ann"), "id-sk", "person", None, named=True)


@pytest.mark.anyio
async def test_an_apps_sub_user_comes_from_header_then_safety_identifier_then_user() -> None:
    gate = Gatekeeper(Keys({"sk": ("app", "app")}), ["X-Graft-User", "x-other"])
    body = {"user": "bob", "safety_identifier": "eve"}
    assert (await ask(gate, "sk", body, x_graft_user="ann", x_other="zoe")).user_id == "app/ann"
    assert (await ask(gate, "sk", body, x_other="zoe")).user_id == "app/zoe"
    assert (await ask(gate, "sk", body)).user_id == "app/eve"
    assert (await ask(gate, "sk", {"user": "bob"})).user_id == "app/bob"
    for unnamed in ({}, {"user": ""}, {"user": 7}, {"user": None}, None):
        assert await ask(gate, "sk", unnamed) == Caller(UserId("app"), "id-sk", "app", None, named=False)


@pytest.mark.anyio
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic sk", "sk", "Bearer other", "Bearer sk sk"])
async def test_anything_but_a_known_bearer_key_is_refused(header: str) -> None:
    gate = Gatekeeper(Keys({"sk": ("ann", "person")}), [])
    with pytest.raises(Unauthenticated):
        await ask(gate, None, authorization=header)


@pytest.mark.anyio
async def test_the_scheme_is_written_in_any_case() -> None:
    gate = Gatekeeper(Keys({"sk": ("ann", "person")}), [])
    assert (await ask(gate, None, authorization="bearer  sk ")).user_id == "ann"


@pytest.mark.anyio
async def test_a_revoked_key_works_for_moments_at_most(clock: SimpleNamespace) -> None:
    keys = Keys({"sk": ("ann", "person")})
    gate = Gatekeeper(keys, [])
    await ask(gate, "sk")
    asked = keys.asked
    await ask(gate, "sk")
    assert keys.asked == asked
    keys.valid.clear()
    clock.now += auth.KNOWN_FOR_S + 0.01
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await ask(gate, "sk")


@pytest.mark.anyio
async def test_a_server_with_keys_is_closed_from_its_first_request_on(clock: SimpleNamespace) -> None:
    gate = Gatekeeper(Keys(), [])
    with pytest.raises(Unauthenticated):
        await ask(gate, None, host="localhost")


@pytest.mark.anyio
async def test_the_first_key_closes_an_open_server(clock: SimpleNamespace) -> None:
    keys = Keys(any_made=False)
    gate = Gatekeeper(keys, [])
    assert await ask(gate, None, host="localhost") == LOCAL
    keys.any_made = True
    clock.now += auth.KNOWN_FOR_S + 0.01
    with pytest.raises(Unauthenticated):
        await ask(gate, None, host="localhost")


@pytest.mark.anyio
async def test_a_refused_request_without_a_key_does_not_have_the_server_taken_for_open(clock: SimpleNamespace) -> None:
    keys = Keys(any_made=False)
    gate = Gatekeeper(keys, [])
    assert await gate.limits_of(request("GET", {}).scope) is None
    assert keys.asked == 0
    keys.any_made = True
    with pytest.raises(Unauthenticated):
        await ask(gate, None, host="localhost")


def test_keys_are_long_random_and_kept_as_digests() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(key.startswith("sk-graft-") and len(key) > 50 for key in keys)
    assert len(digest("sk")) == 64
    assert "sk" not in digest("sk")


# Signed names


SECRET = b"a secret that Open WebUI and Graft share"


def token(secret: bytes | None = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    given = {"sub": "ann", "iss": "open-webui", "iat": int(time.time()), "exp": int(time.time()) + 300, **claims}
    return jwt.encode({name: value for name, value in given.items() if value is not None}, secret, algorithm)


def signed_gate() -> Gatekeeper:
    keys = Keys({"sk": ("app", "app"), "sk-ann": ("ann", "person")})
    return Gatekeeper(keys, ["x-graft-user"], signed=SignedUsers(["x-openwebui-user-jwt"], SECRET))


@pytest.mark.anyio
async def test_an_apps_sub_user_comes_from_a_signed_token() -> None:
    caller = await ask(signed_gate(), "sk", {"user": "bob"}, x_openwebui_user_jwt=token(), x_graft_user="eve")
    assert (caller.user_id, caller.named) == ("app/ann", True)


@pytest.mark.anyio
async def test_where_tokens_are_signed_nobody_is_named_without_one() -> None:
    caller = await ask(signed_gate(), "sk", {"user": "bob", "safety_identifier": "bob"}, x_graft_user="bob")
    assert caller == Caller(UserId("app"), "id-sk", "app", None, named=False)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "shown",
    [
        token(b"another secret, which is long enough to be one"),
        token(exp=int(time.time()) - 3600),
        token(exp=None),
        token(sub=None),
        token(sub=""),
        token(nbf=int(time.time()) + 3600),
        token(None, "none"),
        token(SECRET * 2, "HS512"),
        token()[:-2],
        ".".join([*token().split(".")[:2], ""]),
        "ann",
    ],
)
async def test_a_token_that_cannot_be_trusted_is_refused(shown: str) -> None:
    with pytest.raises(Unauthenticated, match="token that names the user"):
        await ask(signed_gate(), "sk", x_openwebui_user_jwt=shown)


@pytest.mark.anyio
async def test_a_persons_key_takes_no_name_from_a_token() -> None:
    for shown in (token(sub="mallory"), token(b"another secret, which is long enough to be one"), "mallory"):
        caller = await ask(signed_gate(), "sk-ann", x_openwebui_user_jwt=shown)
        assert caller.user_id == "ann"


@pytest.mark.anyio
async def test_a_token_means_nothing_where_no_secret_is_set() -> None:
    gate = Gatekeeper(Keys({"sk": ("app", "app")}), ["x-graft-user"])
    assert not (await ask(gate, "sk", x_openwebui_user_jwt=token())).named


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 32"):
        SignedUsers(["x-user"], b"short")
    assert "share" not in repr(SignedUsers(["x-user"], SECRET))


@pytest.mark.anyio
async def test_a_template_that_nobody_filled_in_is_no_name() -> None:
    gate = Gatekeeper(Keys({"sk": ("app", "app")}), ["x-graft-user", "x-librechat-user-id"])
    for sent in ({"x_librechat_user_id": "{{LIBRECHAT_USER_ID}}"}, {"x_graft_user": "{{USER_ID}}"}):
        assert not (await ask(gate, "sk", **sent)).named


def test_the_secret_is_read_from_the_environment() -> None:
    clients = ClientSettings(user_jwt_secret="os.environ/SHARED")
    found = signed_users(clients, {"SHARED": SECRET.decode()})
    assert found == SignedUsers(("x-openwebui-user-jwt",), SECRET)
    assert signed_users(ClientSettings(), {}) is None
    with pytest.raises(ConfigError, match="SHARED"):
        signed_users(clients, {})


# Without keys


@pytest.mark.anyio
@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000", "[::1]"]
)
async def test_without_keys_this_machine_is_answered(host: str) -> None:
    gate = Gatekeeper(Keys(any_made=False), [])
    assert await ask(gate, None, host=host) == LOCAL
    assert await ask(gate, "whatever", host=host, origin=f"http://{host}") == LOCAL


@pytest.mark.anyio
@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "192.168.0.1",
        "0.0.0.0",
        "[::1",
        "[evil]",
        "evil.example#@localhost",
    ],
)
async def test_without_keys_other_names_are_refused(host: str) -> None:
    """A web page whose name was pointed at this machine brings its own `Host`."""
    gate = Gatekeeper(Keys(any_made=False), [])
    with pytest.raises(Forbidden):
        await ask(gate, None, host=host)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://[", "file://", "http://127.0.0.1.evil.io"]
)
async def test_without_keys_web_pages_are_refused(origin: str) -> None:
    gate = Gatekeeper(Keys(any_made=False), [])
    with pytest.raises(Forbidden):
        await ask(gate, None, host="localhost", origin=origin)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"]
)
async def test_a_form_can_post_nothing(kind: str) -> None:
    """These are what a page may post elsewhere without asking first."""
    for keys in (Keys(any_made=False), Keys({"sk": ("ann", "person")})):
        with pytest.raises(InvalidRequest):
            await ask(Gatekeeper(keys, []), "sk", host="localhost", content_type=kind)


@pytest.mark.anyio
async def test_json_may_name_its_encoding_and_a_get_needs_none() -> None:
    gate = Gatekeeper(Keys(any_made=False), [])
    assert await ask(gate, None, host="localhost", content_type="Application/JSON; charset=utf-8") == LOCAL
    assert await gate.caller(request("GET", {"host": "localhost"})) == LOCAL


@pytest.mark.parametrize(("host", "ours"), [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False)])
def test_a_server_knows_whether_it_can_be_reached_from_elsewhere(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours


# Through the door


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[House]:
    with open_house() as opened:
        yield opened


def test_a_server_without_keys_serves_the_user_local(open_to_all: House) -> None:
    assert open_to_all.client.post("/v1/chat/completions", json=HELLO).status_code == 200
    assert open_to_all.rows("SELECT DISTINCT user_id FROM nodes") == [("local",)]


def test_no_page_and_no_form_reaches_a_server_without_keys(open_to_all: House) -> None:
    before = open_to_all.rows("SELECT count(*) FROM nodes")
    refusals = [
        ({"host": "evil.example"}, 403),
        ({"host": "[::1"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 400),
    ]
    for headers, status in refusals:
        answer = open_to_all.client.post("/v1/chat/completions", json=HELLO, headers=headers)
        assert answer.status_code == status, headers
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    for path in ("/v1/models", "/v1/models/mirror"):
        assert open_to_all.client.get(path, headers={"origin": "http://evil.example"}).status_code == 403
    assert open_to_all.rows("SELECT count(*) FROM nodes") == before


def test_every_route_below_v1_asks_for_a_key(house: House) -> None:
    for method, path in (("GET", "/v1/models"), ("GET", "/v1/models/mirror"), ("POST", "/v1/chat/completions")):
        answer = house.client.request(method, path, json=HELLO if method == "POST" else None)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"


def test_sub_users_of_an_app_see_nothing_of_each_other(house: House) -> None:
    key, app = house.key(kind="app")
    bob = house.sub_user(key, app, "bob").say("Hello")
    eve = house.sub_user(key, app, "eve")
    error = eve.refused("POST", "/v1/chat/completions", HELLO, status=404, x_graft_parent=bob["x-graft-node"])
    unknown = eve.refused("POST", "/v1/chat/completions", HELLO, status=404, x_graft_parent="n_" + "x" * 22)
    assert error["code"] == unknown["code"]
    assert house.rows("SELECT count(*) FROM nodes WHERE user_id = ?", f"{app}/eve") == [(0,)]


def test_a_forged_token_is_answered_as_openai_answers_a_wrong_key() -> None:
    with open_house(clients={"user_jwt_secret": SECRET.decode()}) as signed:
        key, app = signed.key(kind="app")
        bearer = {"authorization": f"Bearer {key}"}
        forged = {**bearer, "x-openwebui-user-jwt": token(b"another secret, which is long enough to be one")}
        answer = signed.client.post("/v1/chat/completions", json=HELLO, headers=forged)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert signed.rows("SELECT count(*) FROM nodes") == [(0,)]
        good = {**bearer, "x-openwebui-user-jwt": token()}
        assert signed.client.post("/v1/chat/completions", json=HELLO, headers=good).status_code == 200
        assert signed.client.get("/api/trees", headers=good).json()["data"][0]["name"] == "main"
        assert signed.rows("SELECT DISTINCT user_id FROM nodes") == [(f"{app}/ann",)]
