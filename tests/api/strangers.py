"""An owner with one thing of every kind, and strangers who put the owner's ids wherever an id can stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import httpx

from proxy.domain.tree import new_id
from tests.api.house import House, Person, Tree
from tests.api.recipes import RECIPES, Recipe
from tests.doubles.pictures import PNG

SECRET = "xylophone"
"""A word that only the owner says."""
KINDS = (
    "tree",
    "turn",
    "reply",
    "decision",
    "chat",
    "completion",
    "artefact",
    "image",
    "memory",
    "summary",
    "call",
    "tree's name",
    "idempotency key",
    "user",
    "message",
    "persona",
)
"""The kinds of ids that are tried. The first ten are tried by every stranger, all of them by one of the owner's own kind."""
PARAMETER = re.compile(r"{(\w+):\w+}")
TAKES_ID = re.compile(r"(^|_)id$|^parent|^after$|^before$|^cursor$|^conversation$")
FICKLE = re.compile(
    r"\b(n|t|c|a|i|m|s|call|k|chatcmpl-mirror)[_-][A-Za-z0-9]{18,22}\b"
    r'|"(at|created|created_at|updated_at|removed_at|started_at|decided_at|spent_ms|overhead_ms|find|place|context|store)":[\d.e+-]+'
)
FICKLE_HEADERS = {"date", "content-length", "x-graft-overhead-ms", "x-graft-confidence", "x-request-id"}


@dataclass(frozen=True)
class Owned:
    """Somebody, and the ids of what is theirs."""

    person: Person
    ids: dict[str, str]


def settled(person: Person, word: str) -> Owned:
    """Give somebody a tree of two topics, zones, an active branch, a correction, and a turn in the shadow."""
    tree = person.tree(name=f"{word}-plans", title=f"The {word} plan", metadata={"about": word})
    other = tree.branch(f"Where is the {word} kept?", f"The {word} is in the attic.")[1]
    chat = f"{word}-chat-7f3a"
    told = person.say(
        f"Tell how a {word} is tuned.",
        x_graft_tree=f"{word}-plans",
        x_openwebui_chat_id=chat,
        x_graft_route="shadow",
        idempotency_key=f"{word}-key-77",
    )
    reply = told["x-graft-node"]
    turn = person.get(f"/api/nodes/{reply}")["parent_id"]
    named = {"x_openwebui_user_message_id": f"{word}-message", "x_openwebui_message_id": f"{word}-message-2"}
    placed = person.say("Why is that so?", x_graft_tree=f"{word}-plans", x_graft_parent=reply, **named)["x-graft-node"]
    person.ok("PUT", f"{tree.path}/zones/discussion", {"text": f"About a {word}."})
    person.ok("PUT", "/api/zones/user", {"text": f"Plays the {word}."})
    person.ok("PUT", "/api/zones/memory", {"text": f"Once had a {word}."})
    person.ok("PUT", f"/api/nodes/{reply}/zone", {"text": f"Here it is about the {word}."})
    person.ok("POST", "/api/personalities", {"name": f"{word}-tutor", "zone": f"You teach the {word}."})
    person.ok("PATCH", tree.path, {"personality": f"{word}-tutor"})
    person.ok("PUT", f"{tree.path}/active", {"node_id": reply})
    shelf = shelved(person, tree, word, turn)
    person.ok("PATCH", f"/api/nodes/{turn}", {"labels": [word]})
    person.get(f"/api/search?q={word}")
    person.house.settle()
    shadow = str(person.house.rows("SELECT max(id) FROM decisions WHERE user_id = ?", person.user)[0][0])
    ids = {
        "tree": tree.id,
        "turn": turn,
        "reply": reply,
        "other": other,
        "placed": placed,
        "call": person.get(f"/api/nodes/{reply}")["call_id"],
        "chat": chat,
        "completion": person.get("/v1/chat/completions?order=desc&limit=1")["data"][0]["id"],
        **shelf,
        "image": pictured(person, tree, reply),
        "summary": summarised(person, reply),
        "tree's name": f"{word}-plans",
        "idempotency key": f"{word}-key-77",
        "decision": shadow,
        "user": person.user,
        "message": f"{word}-message-2",
        "persona": f"{word}-tutor",
        "words": f"Tell how a {word} is tuned.",
    }
    return Owned(person, ids)


def plain(person: Person) -> Owned:
    """Give somebody the same kinds of things, and one answer of the model's."""
    tree = person.tree(name="harmonica-plans")
    turn, reply = tree.branch("Where is the harmonica?", "In the attic.")
    other = tree.branch("How is it tuned?", "With a file.")[1]
    person.say("Where is the harmonica?", x_graft_tree="harmonica-plans")
    completion = person.get("/v1/chat/completions")["data"][0]["id"]
    person.ok("POST", "/api/personalities", {"name": "harmonica-tutor"})
    own = {"tree": tree.id, "turn": turn, "reply": reply, "other": other, "placed": reply, "completion": completion}
    own |= {"persona": "harmonica-tutor", **shelved(person, tree, "harmonica", turn)}
    own["image"] = pictured(person, tree, reply)
    own["summary"] = summarised(person, own["reply"])
    own["user"] = person.user
    return Owned(person, own)


def pictured(person: Person, tree: Tree, node: str) -> str:
    """Give somebody images, on a tree and on a node."""
    person.ok("POST", f"/api/nodes/{node}/images", {"url": f"https://{person.user.partition('/')[0]}.example/a.png"})
    return str(person.ok("POST", f"{tree.path}/images", {"data": PNG})["id"])


def summarised(person: Person, node: str) -> str:
    """Have the path to somebody's node told in short."""
    wish = {"max_tokens": 1, "preserve_last_n": 0, "model": "mirror"}
    return str(person.ok("POST", f"/api/nodes/{node}/prune", wish)["summary"]["id"])


def shelved(person: Person, tree: Tree, word: str, turn: str) -> dict[str, str]:
    """Give somebody an artefact in two versions and a memory, both loaded for a subtree."""
    told = {"title": f"The {word}", "text": f"A {word}.", "tags": [word]}
    artefact = str(person.ok("POST", f"{tree.path}/artefacts", told)["id"])
    person.ok("POST", f"/api/artefacts/{artefact}/versions", {"text": f"Two {word}s.", "note": word})
    person.ok("POST", f"/api/artefacts/{artefact}/load", {"node_id": turn})
    made = person.ok("POST", f"/api/nodes/{turn}/memorize", {"extractive": True, "everywhere": True})
    memory = str(made["memory"]["id"])
    person.ok("POST", f"/api/memories/{memory}/load", {"node_id": turn})
    return {"artefact": artefact, "memory": memory}


class Pair:
    """An owner, and strangers: whoever has changed something makes room for a new one."""

    def __init__(self, house: House, owner: str, stranger: str) -> None:
        self.house = house
        self._app_key, self._app = house.key(kind="app")
        self._kind = stranger
        self.kinds = KINDS if owner == stranger else KINDS[:10]
        self._number = 0
        self._spent = True
        self._stranger: Owned
        self.owner = settled(self._person(owner), SECRET)

    def stranger(self) -> Owned:
        if self._spent:
            self._number += 1
            person = self._person(self._kind, f"bob{self._number}")
            if self._kind == "the app key alone":  # there is only one of these: it begins anew
                for tree in person.get("/api/trees")["data"]:
                    person.ok("DELETE", f"/api/trees/{tree['id']}")
                for zone in ("user", "memory"):
                    person.ok("DELETE", f"/api/zones/{zone}")
                for one in person.get("/api/personalities")["data"]:
                    person.ok("DELETE", f"/api/personalities/{one['name']}")
            self._stranger = plain(person)
            self._spent = False
        return self._stranger

    def ask(self, endpoint: str, slot: str | None = None, value: str = "") -> httpx.Response:
        """The stranger's request, one of its ids replaced."""
        stranger = self.stranger()
        answer = send(stranger, request_of(endpoint, stranger, slot, value))
        self._spent = answer.is_success and not endpoint.startswith("GET")
        return answer

    def _person(self, who: str, name: str = "ann") -> Person:
        match who:
            case "a person":
                return self.house.person()
            case "the app key alone":
                return self.house.sub_user(self._app_key, self._app, None)
            case _:
                return self.house.sub_user(self._app_key, self._app, name)


def slots_of(endpoint: str) -> list[str]:
    """Where an id can stand in the request of an endpoint."""
    names = PARAMETER.findall(endpoint)
    return [*(f"path.{name}" for name in names), *RECIPES[endpoint].slots]


def request_of(endpoint: str, own: Owned, slot: str | None = None, value: str = "") -> dict[str, Any]:
    """The recipe's request with one's own ids, one of them replaced."""
    recipe: Recipe = RECIPES[endpoint]
    method, route = endpoint.split(" ")
    defaults = {
        "tree_id": "{tree}",
        "node_id": "{reply}",
        "completion_id": "{completion}",
        "artefact_id": "{artefact}",
        "memory_id": "{memory}",
        "image_id": "{image}",
        "summary_id": "{summary}",
    }
    parts: dict[str, Any] = {
        "path": {name: recipe.path.get(name, defaults.get(name, "")) for name in PARAMETER.findall(route)},
        "query": dict(recipe.query),
        "header": dict(recipe.headers),
        "body": deepcopy(recipe.body),
    }
    parts = _with_own(parts, own.ids)
    if slot is not None:
        where, *names = slot.split(".")
        _put(parts[where], names, value)
    path = PARAMETER.sub(lambda found: parts["path"][found[1]], route)
    return {"method": method, "url": path, "params": parts["query"], "headers": parts["header"], "json": parts["body"]}


def _with_own(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _with_own(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_own(one, ids) for one in value]
    if isinstance(value, str) and value.startswith("{"):
        return ids[value[1:-1]]
    return value


def _put(into: Any, names: list[str], value: str) -> None:
    for name in names[:-1]:
        into = into[int(name)] if isinstance(into, list) else into.setdefault(name, {})
    last = int(names[-1]) if isinstance(into, list) else names[-1]
    into[last] = int(value) if last == "before" else value


def send(own: Owned, asked: dict[str, Any]) -> httpx.Response:
    headers = {**own.person.headers, **asked["headers"]}
    return own.person.house.client.request(**{**asked, "headers": headers})


def bare(answer: httpx.Response, told: str) -> tuple[int, str]:
    """An answer without what is different every time: ids, times, and the value that was sent."""
    headers = [f"{name}: {value}" for name, value in answer.headers.items() if name not in FICKLE_HEADERS]
    text = FICKLE.sub("ID", "\n".join([answer.text, *headers]))
    return answer.status_code, re.sub(rf"(?<!\w){re.escape(told)}(?!\w)", "TOLD", text)


def nobodys(kind: str, value: str) -> str:
    """A value like the owner's that nobody has."""
    if re.fullmatch(r"(n|t|a|i|m|call)_\w{22}", value):
        return new_id(value.partition("_")[0])
    if value.startswith("chatcmpl-"):
        return f"{value[:-6]}000000"
    if value.isdigit():
        return str(int(value) + 100_000)
    return value.replace(SECRET, "saxophone") if SECRET in value else value.replace("user", "nobody", 1)


def theirs(house: House, user: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a user, but for vectors, which follow from texts in their own time."""
    tables = [
        name for (name,) in house.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'vectors'")
    ]
    rows = {
        table: house.rows(f"SELECT * FROM {table} WHERE user_id = ?", user)
        for table in tables
        if any(column == "user_id" for _, column, *_ in house.rows(f"PRAGMA table_info({table})"))
    }
    nodes = "SELECT id FROM nodes WHERE user_id = ?"
    for table in ("edges", "edge_log"):
        rows[table] = house.rows(f"SELECT * FROM {table} WHERE node_id IN ({nodes})", user)
    assert len(rows) > 8
    return rows


def described_as(endpoint: str) -> tuple[str, str]:
    method, route = endpoint.split(" ")
    return method.lower(), PARAMETER.sub(r"{\1}", route)


def id_fields(described: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    """What the description of an operation calls an id, as slots are called."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" or TAKES_ID.search(parameter["name"]):
            yield f"{parameter['in']}.{parameter['name']}"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        for field in described["components"]["schemas"].get(name, {}).get("properties", {}):
            if TAKES_ID.search(field) and field != "tool_call_id":
                yield f"body.{field}"
