"""Secret words planted wherever a client can put any, through the served app and the commands, and looked for in every file.

The same hunt over a database that is not encrypted finds them, so it can find them. What is looked for: the word in UTF-8 (whatever its
case), UTF-16, base64 and JSON's escapes, the end of it (an index stores words without what they share with the one before), and all of
these inside zlib's streams.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.config import StorageSettings
from proxy.domain.archive import Target
from proxy.domain.tree import UserId
from proxy.store.files import staging
from proxy.store.sealing.keys import new_key
from proxy.transfer.moving import check
from tests.doubles.pictures import JPEG
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served, clean_environment, serving

PLACES = (
    *(
        "asked",
        "answered",
        "system",
        "chat-id",
        "message-id",
        "reply-id",
        "idempotency",
        "noted",
        "argument",
        "streamed",
    ),
    *("tree-name", "tree-title", "tree-prompt", "tree-key", "tree-value", "participant", "scratchpad"),
    *("user-zone", "tree-zone", "node-zone", "persona", "persona-prompt", "persona-zone", "persona-key"),
    *("artefact", "artefact-type", "artefact-tag", "artefact-text", "artefact-note", "artefact-loaded"),
    *("memory", "memory-text", "memorized", "picture", "picture-address", "shown", "label", "node-key", "sender"),
    *("failed", "interrupted", "summarized", "regenerated", "moved", "imported", "imported-title", "task", "key-label"),
    *("found", "branch", "words"),
)
FORGOTTEN = ("helper", "typed")
"""What is known again by hash alone, encrypted or not."""

WORD = {
    place: f"{chr(97 + i % 26)}{chr(98 + i % 24)}{i:02d}marten{chr(97 + i % 7)}fen"
    for i, place in enumerate((*PLACES, *FORGOTTEN))
}
"""One for each place; no two share a beginning for long."""
WORD["words"] = "schlüssel77wörter"


class Hunt:
    """A served Graft, its files, and a client with one key."""

    def __init__(self, graft: Served, upstream: UpstreamDouble, *, is_encrypted: bool) -> None:
        self.graft = graft
        self.is_encrypted = is_encrypted
        self.upstream = upstream
        self.key, self.user = graft.key("ada")
        self.http = httpx.Client(base_url=graft.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, expected: int = 0, **headers: str) -> Any:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.request(method, path, json=body, headers=told)
        assert answer.is_success if not expected else answer.status_code == expected, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def chat(
        self, text: str, expected: int = 0, *, model: str = "gpt-test", system: str | None = None, **more: Any
    ) -> Any:
        headers = {name: more.pop(name) for name in list(more) if name.startswith("x_") or name == "idempotency_key"}
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": text})
        body = {"model": model, "messages": messages, **more}
        return self.ask("POST", "/v1/chat/completions", body, expected, **headers)

    def command(self, *words: str) -> None:
        command = [sys.executable, "-m", "proxy", *words, "--config", str(self.graft.config)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
        assert ran.returncode == 0, ran.stderr


def plant(hunt: Hunt) -> None:
    """One word in each place."""
    w, upstream = WORD, hunt.upstream
    plant_turns(hunt)
    tree = hunt.ask(
        "POST",
        "/api/trees",
        {
            "name": w["tree-name"],
            "title": w["tree-title"],
            "system_prompt": w["tree-prompt"],
            "metadata": {w["tree-key"]: w["tree-value"]},
            "participants": {w["participant"]: "user"},
        },
    )["id"]
    node = hunt.ask(
        "POST",
        f"/api/trees/{tree}/nodes",
        {
            "parent_id": None,
            "role": "user",
            "content": w["branch"],
            "sender": w["sender"],
            "metadata": {"k": w["node-key"]},
        },
    )["id"]
    upstream.say(w["regenerated"])
    hunt.ask("POST", f"/api/nodes/{node}/regenerate", {"model": "gpt-test"})
    hunt.ask("PATCH", f"/api/nodes/{node}", {"labels": [w["label"]]})
    hunt.ask("PUT", f"/api/trees/{tree}/scratchpad", {"text": w["scratchpad"]})
    hunt.ask("PUT", "/api/zones/user", {"text": w["user-zone"] + " " + w["words"]})
    hunt.ask("PUT", f"/api/trees/{tree}/zones/discussion", {"text": w["tree-zone"]})
    hunt.ask("PUT", f"/api/nodes/{node}/zone", {"text": w["node-zone"]})
    plant_shelf(hunt, tree, node)
    upstream.say(w["answered"] + " again")
    talk = {"content": f"And {w['summarized']}? " * 40, "parent_id": node, "model": "gpt-test"}
    reply = hunt.ask("POST", f"/api/trees/{tree}/chat", talk)["ai_message"]["id"]
    hunt.ask("POST", f"/api/nodes/{reply}/prune", {"max_tokens": 1, "preserve_last_n": 0, "model": "gpt-test"})
    plant_import(hunt)
    found = hunt.ask("GET", f"/api/search?q={w['found']}")
    assert [hit["node"]["role"] for hit in found["data"]] == ["assistant", "user"]


def plant_turns(hunt: Hunt) -> None:
    """What chats bring: messages, headers, failures, and replies that break off."""
    w, upstream = WORD, hunt.upstream
    upstream.say(w["answered"])
    ids = {"x_openwebui_user_message_id": w["message-id"], "x_openwebui_message_id": w["reply-id"]}
    more = {"x_openwebui_chat_id": w["chat-id"], "idempotency_key": w["idempotency"], "store": True, **ids}
    hunt.chat(f"Tell me: {w['asked']}?", system=w["system"], metadata={"note": w["noted"]}, **more)
    upstream.script({"do": "tools"})
    tool = {"type": "function", "function": {"name": "weather", "description": w["argument"], "parameters": {}}}
    hunt.chat(f"Weather? {w['argument']}", tools=[tool])
    with hunt.http.stream(
        "POST",
        "/v1/chat/completions",
        json={"model": "gpt-test", "stream": True, "messages": [{"role": "user", "content": w["streamed"]}]},
    ) as streamed:
        streamed.read()
    hunt.chat(w["failed"], 500, model="status-500")
    with hunt.http.stream(
        "POST",
        "/v1/chat/completions",
        json={"model": "cut", "stream": True, "messages": [{"role": "user", "content": w["interrupted"]}]},
    ) as streamed:
        streamed.read()
    hunt.chat(f"A helper asks {w['helper']}", x_graft_task=w["task"])
    hunt.chat(f"/graft goto {w['typed']}")
    hunt.chat(f"Please find {w['found']} again.")
    moved = hunt.chat(f"A new topic of {w['moved']}", x_graft_parent="root")
    assert moved


def plant_shelf(hunt: Hunt, tree: str, node: str) -> None:
    """Personalities, artefacts, memories and pictures."""
    w = WORD
    hunt.ask(
        "POST",
        "/api/personalities",
        {
            "name": w["persona"],
            "system_prompt": w["persona-prompt"],
            "zone": w["persona-zone"],
            "metadata": {w["persona-key"]: 1},
        },
    )
    hunt.ask("PATCH", f"/api/trees/{tree}", {"personality": w["persona"]})
    told = {"title": w["artefact"], "type": w["artefact-type"], "tags": [w["artefact-tag"]]}
    artefact = hunt.ask(
        "POST", f"/api/trees/{tree}/artefacts", {**told, "text": w["artefact-text"], "note": w["artefact-note"]}
    )["id"]
    hunt.ask("POST", f"/api/artefacts/{artefact}/versions", {"text": w["artefact-loaded"]})
    hunt.ask("POST", f"/api/artefacts/{artefact}/load", {})
    hunt.ask("POST", "/api/memories", {"title": w["memory"], "content": w["memory-text"]})
    hunt.ask("POST", f"/api/trees/{tree}/nodes", {"parent_id": node, "role": "assistant", "content": w["memorized"]})
    hunt.ask("POST", f"/api/nodes/{node}/memorize", {"extractive": True})
    picture = base64.b64decode(JPEG)[:-2] + w["picture"].encode() + b"\xff\xd9"
    hunt.ask("POST", f"/api/trees/{tree}/images", {"data": base64.b64encode(picture).decode()})
    hunt.ask("POST", f"/api/nodes/{node}/images", {"url": f"https://pictures.example/{w['picture-address']}.png"})
    said = base64.b64encode(base64.b64decode(JPEG)[:-2] + w["shown"].encode() + b"\xff\xd9").decode()
    parts = [{"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{said}"}}]
    hunt.ask("POST", f"/api/trees/{tree}/nodes", {"parent_id": node, "role": "user", "content": parts})


def plant_import(hunt: Hunt) -> None:
    """A file large enough to be made ready beside the database."""
    fields = {"id": "t_1", "name": WORD["imported-title"], "created_at": 1.0, "updated_at": 2.0}
    nodes = [
        {
            "id": f"n_{i}",
            "parent": None,
            "message": {"role": "user", "content": f"Message {i} of {WORD['imported']}"},
            "state": "whole",
            "created_at": 1.0,
        }
        for i in range(staging.LARGE + 1)
    ]
    end = {"zones": 0, "nodes": len(nodes)}
    hunt.ask("POST", "/api/trees/import", {"graft": 1, "tree": fields, "nodes": nodes, "end": end})


def look_through(data: bytes, word: str) -> bool:
    """Whether a word stands in some bytes in any form."""
    return any(form in data for form in forms(word))


def forms(word: str) -> set[bytes]:
    told = {word, word[3:], json.dumps(word)[1:-1]}
    found = {text.encode() for text in told}
    found |= {word.encode("utf-16-le"), word.encode("utf-16-be")}
    for shift in range(3):  # where a word may begin in base64's groups of three bytes
        raw = base64.b64encode(b"\0" * shift + word.encode())
        found.add(raw[4 if shift else 0 : len(raw) // 4 * 4 - 4].lower())
    return found


def inflated(data: bytes) -> Iterator[bytes]:
    """What zlib's streams in some bytes hold."""
    at = -1
    while (at := data.find(b"\x78", at + 1)) >= 0:
        if data[at + 1 : at + 2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
            try:
                yield zlib.decompressobj().decompress(data[at:], 1_000_000)
            except zlib.error:
                continue


def haystack(files: list[Path]) -> bytes:
    """Files, and what is compressed in them, in small letters."""
    raw = b"\n".join(file.read_bytes() for file in files)
    return b"\n".join([raw, *inflated(raw)]).lower()


@pytest.fixture(scope="module", params=["plain", "encrypted"])
def hunt(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble
) -> Iterator[Hunt]:
    folder = tmp_path_factory.mktemp(request.param)
    storage: dict[str, Any] = {"url": f"sqlite:///{folder}/graft.db", "checkpoint_s": 0.2}
    if request.param == "encrypted":
        file = folder / "storage.key"
        file.write_text(new_key())
        file.chmod(0o600)
        storage["encryption"] = [{"key_file": str(file)}]
    upstream_process.reset()
    with serving(folder, upstream_process, {"storage": storage}) as graft:
        hunt = Hunt(graft, upstream_process, is_encrypted=request.param == "encrypted")
        hunt.command("keys", "add", "bob", "--label", WORD["key-label"])
        with hunt.http:
            plant(hunt)
        yield hunt


def expected(hunt: Hunt) -> set[str]:
    return set() if hunt.is_encrypted else set(PLACES)


def missing_and_found(hunt: Hunt, files: list[Path], places: set[str]) -> tuple[set[str], set[str]]:
    data = haystack(files)
    found = {place for place in (*PLACES, *FORGOTTEN) if look_through(data, WORD[place])}
    return places - found, found - places


def test_the_database_and_its_log_hold_no_word(hunt: Hunt) -> None:
    files = [path for path in hunt.graft.folder.iterdir() if path.name.startswith(("graft.db", ".graft"))]
    assert {"graft.db", "graft.db-wal", "graft.db-shm"} <= {path.name for path in files}
    assert missing_and_found(hunt, files, expected(hunt)) == (set(), set())


def test_the_server_log_holds_no_word(hunt: Hunt) -> None:
    """Unless it is told otherwise, a log names trees and helpers' tasks as clients do."""
    files = [path for path in hunt.graft.folder.iterdir() if path.suffix == ".log"]
    assert files
    assert missing_and_found(hunt, files, set() if hunt.is_encrypted else {"tree-name", "task"}) == (set(), set())


def test_a_backup_holds_no_word_and_comes_back(hunt: Hunt, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    hunt.command("backup", str(copy))
    assert missing_and_found(hunt, [copy], expected(hunt)) == (set(), set())
    config = json.loads(hunt.graft.config.read_text())
    config["storage"]["url"] = f"sqlite:///{tmp_path}/restored.db"
    elsewhere = tmp_path / "config.json"
    elsewhere.write_text(json.dumps(config))
    command = [sys.executable, "-m", "proxy", "restore", str(copy), "--config", str(elsewhere)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    assert ran.returncode == 0, ran.stderr
    assert missing_and_found(hunt, sorted(tmp_path.glob("restored.db*")), expected(hunt)) == (set(), set())


def test_an_import_on_its_way_holds_no_word(hunt: Hunt, tmp_path: Path) -> None:
    cipher = StorageSettings.model_validate(json.loads(hunt.graft.config.read_text())["storage"]).cipher()
    stage = staging.Stage(cipher)
    try:
        user = hunt.graft.ask(lambda store: store.user(UserId(hunt.user)))
        with_key = cipher.writes if cipher else "plain"
        text = json.dumps(
            {
                "graft": 1,
                "tree": {
                    "id": "t",
                    "name": "way",
                    "title": WORD["imported-title"],
                    "created_at": 1.0,
                    "updated_at": 1.0,
                },
                "nodes": [
                    {
                        "id": "n",
                        "parent": None,
                        "message": {"role": "user", "content": WORD["imported"]},
                        "state": "whole",
                        "created_at": 1.0,
                    }
                ],
                "end": {"zones": 0, "nodes": 1},
            }
        )
        file = tmp_path / "file.json"
        file.write_text(text)
        with file.open("rb") as source:
            stage.fill(user, with_key, check(source, "native"), Target(), None)
        _, found = missing_and_found(hunt, [Path(stage.file)], set())
        assert found == ({"imported", "imported-title"} if not cipher else set())
    finally:
        stage.close()


def test_the_commands_read_it_and_every_row_is_sound(hunt: Hunt, tmp_path: Path) -> None:
    hunt.command("verify")
    hunt.command("migrate", "--check")
    hunt.command("tree", "--user", "ada", "--tree", WORD["tree-name"])
    file = tmp_path / "out.json"
    hunt.command("export", "--user", "ada", "--tree", WORD["tree-name"], "--output", str(file))
    told = file.read_text()
    for place in ("tree-title", "tree-zone", "branch", "artefact-text", "persona-zone", "scratchpad"):
        assert WORD[place] in told
    hunt.command("import", str(file), "--user", "eve", "--tree", "brought")
    hunt.command("verify")


def test_nothing_is_readable_once_it_is_decrypted_and_encrypted_again(hunt: Hunt) -> None:
    if not hunt.is_encrypted:
        with closing(sqlite3.connect(hunt.graft.database)) as db:
            assert db.execute("SELECT count(*) FROM search").fetchone()[0] > 0
        return
    config = json.loads(hunt.graft.config.read_text())
    [key] = config["storage"]["encryption"]
    hunt.graft.stop()
    for order, places in (([{"plain": True}, key], set(PLACES)), ([key, {"plain": True}], set())):
        config["storage"]["encryption"] = order
        hunt.graft.config.write_text(json.dumps(config))
        hunt.command("keys", "rotate-storage")
        files = sorted(hunt.graft.folder.glob("graft.db*"))
        assert missing_and_found(hunt, files, places) == (set(), set())
    hunt.graft.start()
