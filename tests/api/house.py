"""The real application in memory, and people who talk to it."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
from litestar import Litestar
from litestar.testing import TestClient

from proxy.api.auth import digest, new_key
from proxy.app import create_app
from proxy.app.parts import Parts, assemble
from proxy.config import Settings
from proxy.domain.turn import KeyKind
from proxy.store.sqlite import SqliteStore
from tests.doubles.served import PATIENT_S

T = TypeVar("T")
URL = "http://127.0.0.1"


class House:
    """A running application, its store, and keys for it."""

    def __init__(self, client: TestClient[Litestar], parts: Parts) -> None:
        self.client = client
        self.parts = parts
        self.store = parts.store
        self._chat = parts.chat
        self._numbers = itertools.count()

    def ask(self, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
        """Run something on the application's own store, in its own loop."""
        with self.client.portal() as portal:
            return portal.call(work, self.store)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.ask(lambda store: store._read(lambda db: db.execute(sql, values).fetchall()))

    def settle(self) -> None:
        """Wait for what runs behind the requests so far."""
        with self.client.portal() as portal:
            portal.call(self._chat.tasks.finish)

    def key(self, user: str | None = None, kind: KeyKind = "person", **options: Any) -> tuple[str, str]:
        """A new key and the user that it belongs to."""
        user = user or f"user{next(self._numbers)}"
        shown = new_key()
        self.ask(lambda store: store.add_key(user, kind, digest(shown), shown[:13], **options))
        return shown, user

    def person(self, **options: Any) -> Person:
        key, user = self.key(**options)
        return Person(self, {"authorization": f"Bearer {key}"}, user)

    def sub_user(self, key: str, app: str, name: str | None) -> Person:
        """Somebody whom the holder of an `app` key names; `None` for nobody in particular."""
        named = {"x-graft-user": name} if name else {}
        return Person(self, {"authorization": f"Bearer {key}", **named}, f"{app}/{name}" if name else app)


class Person:
    """Somebody with a key."""

    def __init__(self, house: House, headers: dict[str, str], user: str) -> None:
        self.house = house
        self.headers = headers
        self.user = user

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        json = {} if body is None and method in ("POST", "PUT", "PATCH") else body
        return self.house.client.request(method, path, json=json, headers={**self.headers, **told})

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.send(method, path, body, **headers)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json()

    def get(self, path: str) -> Any:
        return self.ok("GET", path)

    def refused(self, method: str, path: str, body: Any = None, *, status: int = 400, **headers: str) -> dict[str, Any]:
        """The error of a request that must fail, in OpenAI's shape."""
        answer = self.send(method, path, body, **headers)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return dict(error)

    def say(self, *history: str, **headers: str) -> httpx.Headers:
        """A turn at `/v1`: what was said in turns, the user's first; the answer's headers."""
        roles = itertools.cycle(("user", "assistant"))
        messages = [{"role": role, "content": text} for role, text in zip(roles, history, strict=False)]
        answer = self.send("POST", "/v1/chat/completions", {"model": "mirror", "messages": messages}, **headers)
        assert answer.is_success, answer.text
        return answer.headers

    def tree(self, **fields: Any) -> Tree:
        return Tree(self, self.ok("POST", "/api/trees", fields)["id"])


class Tree:
    """One of a person's trees."""

    def __init__(self, person: Person, id: str) -> None:
        self.person = person
        self.id = id
        self.path = f"/api/trees/{id}"

    def add(self, text: str, under: str | None = None, role: str = "user", **fields: Any) -> str:
        body = {"parent_id": under, "role": role, "content": text, **fields}
        return str(self.person.ok("POST", f"{self.path}/nodes", body)["id"])

    def branch(self, *texts: str, under: str | None = None) -> list[str]:
        """What was said in turns, the user's first."""
        roles = itertools.cycle(("user", "assistant"))
        messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
        added = self.person.ok("POST", f"{self.path}/branches", {"parent_id": under, "messages": messages})
        return [node["id"] for node in added["data"]]

    def edges(self) -> dict[str, str | None]:
        listed = self.person.get(f"{self.path}/structure")
        assert not listed["has_more"]
        return {node["id"]: node["parent_id"] for node in listed["data"]}


def texts(listed: dict[str, Any]) -> list[str]:
    return [node["content"] for node in listed["data"]]


@contextmanager
def open_house(**settings: Any) -> Iterator[House]:
    """Start the application over a database in memory and the offline model, and stop it with the block."""
    made: list[Parts] = []

    def kept(*args: Any) -> Parts:
        made.append(assemble(*args))
        return made[-1]

    with patch("proxy.app.create.assemble", kept):
        patient = {"routing": {"deadline_s": PATIENT_S, **settings.get("routing", {})}}
        app = create_app(Settings(**{"storage": {"url": "sqlite://:memory:"}, **settings, **patient}), env={})
    with TestClient(app, base_url=URL) as client:
        yield House(client, made[0])
