"""Trees that move between people and programs on a running server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.doubles.served import Linear, Served, clean_environment


def headers(key: str, **others: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json", **others}


def tree_id(graft: Served, key: str, name: str = "main") -> str:
    listed = httpx.get(f"{graft.url}/api/trees", headers=headers(key)).json()["data"]
    return str(next(tree["id"] for tree in listed if tree["name"] == name))


def exported(graft: Served, key: str, query: str = "") -> httpx.Response:
    return httpx.get(f"{graft.url}/api/trees/{tree_id(graft, key)}/export{query}", headers=headers(key), timeout=60)


def brought(graft: Served, key: str, content: Any, query: str = "") -> httpx.Response:
    return httpx.post(f"{graft.url}/api/trees/import{query}", content=content, headers=headers(key), timeout=60)


def test_a_client_goes_on_with_a_chat_that_was_moved_to_another_person(graft: Served) -> None:
    adas_key, _ = graft.key()
    chat = Linear(graft.client(adas_key))
    chat.say("Why do boats float, in one sentence?")
    chat.say("And what about stones on a raft?")
    bobs_key, bob = graft.key()
    assert brought(graft, bobs_key, exported(graft, adas_key).content).json()["added"] == 4
    moved = Linear(graft.client(bobs_key), X_Graft_Route="follow")
    moved.history = list(chat.history)
    moved.say("Then why did the Vasa sink?")
    nodes = graft.nodes(bob)
    assert len(nodes) == 6
    assert moved.parent == nodes[3].id
    assert graft.violations() == []


def test_a_body_beyond_the_limit_is_refused_and_nothing_is_stored(graft: Served) -> None:
    key, user = graft.key()
    message = json.dumps({"role": "user", "content": "x" * 1000}).encode()

    def pieces() -> Iterator[bytes]:
        yield b"["
        for _ in range(1100):
            yield message + b","
        yield message + b"]"

    for content in (pieces(), b"".join(pieces())):
        answer = brought(graft, key, content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert graft.nodes(user) == []


def test_a_file_that_comes_piece_by_piece_is_taken(graft: Served) -> None:
    key, user = graft.key()
    message = json.dumps({"role": "user", "content": "One of many."}).encode()
    pieces = (b"[", *(message + b"," for _ in range(300)), message, b"]")
    assert brought(graft, key, iter(pieces)).json()["added"] == 301
    assert len(graft.nodes(user)) == 301


def test_a_client_that_leaves_in_the_middle_of_an_export_leaves_nothing_open(graft: Served) -> None:
    key, _ = graft.key()
    messages = [{"role": "user", "content": f"{number} " + "x" * 60_000} for number in range(15)]
    for _ in range(14):  # more than the buffers between the two ends hold
        assert brought(graft, key, json.dumps(messages), "?format=openai_chat").status_code == 201
        messages = [{**message, "content": message["content"] + "y"} for message in messages]
    path = f"/api/trees/{tree_id(graft, key)}/export"
    before = open_files(graft)
    host, _, port = graft.url.removeprefix("http://").partition(":")
    for _ in range(3):
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((host, int(port)))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
            received = b""
            while b'"graft":' not in received:  # the head leaves before the tree is opened
                piece = connection.recv(1000)
                assert piece, received
                received += piece
            assert received.startswith(b"HTTP/1.1 200")
            assert open_files(graft) > before
    deadline = time.monotonic() + 30
    while open_files(graft) > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert open_files(graft) == before
    assert httpx.get(graft.url + path, headers=headers(key), timeout=60).status_code == 200


def open_files(graft: Served) -> int:
    """How many of the server's connections hold the write-ahead log open. The database file itself tells nothing: SQLite keeps a
    closed handle on it for later, since closing one would drop the locks of the others.
    """
    assert graft._process is not None
    folder = Path(f"/proc/{graft._process.pid}/fd")
    links = [link.readlink() for link in folder.iterdir() if link.is_symlink()]
    return links.count(graft.database.with_name(f"{graft.database.name}-wal"))


def test_the_command_line_brings_a_tree_into_a_running_server(graft: Served, tmp_path: Path) -> None:
    key, user = graft.key()
    branches = [{"id": 1, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}]
    (tmp_path / "lessons.json").write_text(json.dumps({"tree_id": "main", "branches": branches}))
    environment = {**clean_environment(), "GRAFT__STORAGE__URL": f"sqlite:///{graft.database}"}
    command = [sys.executable, "-m", "proxy", "import", "lessons.json", "--user", user]
    subprocess.run(command, cwd=tmp_path, env={**environment, "PYTHONPATH": str(Path.cwd())}, check=True)
    assert "Why is the sky blue?" in exported(graft, key, "?format=markdown").text
