"""Requests as clients and browsers really send them: packed, in chunks, over a kept connection, as HEAD and OPTIONS; and the doors
that forward."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Served

ASKED = {"model": "gpt-test:off", "messages": [{"role": "user", "content": "Hello"}]}

PACKED = gzip.compress(json.dumps(ASKED).encode())


class Line:
    """One connection, kept."""

    def __init__(self, graft: Served, key: str) -> None:
        address = urlsplit(graft.url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        told = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, told)
        answer = self._connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def chat(self, body: Any, **headers: str) -> tuple[int, Any]:
        status, _, content = self.send("POST", "/v1/chat/completions", body, **headers)
        return status, json.loads(content)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def line(graft: Served) -> Iterator[Line]:
    key, _ = graft.key()
    opened = Line(graft, key)
    yield opened
    opened.close()


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_body_is_read(line: Line, upstream: UpstreamDouble, coding: str, pack: Any) -> None:
    status, answer = line.chat(pack(json.dumps(ASKED).encode()), content_encoding=coding)
    assert (status, answer["object"]) == (200, "chat.completion")
    assert upstream.bodies()[0]["messages"] == ASKED["messages"]


@pytest.mark.parametrize("sizes", [(20,), (1, 0, 5), tuple(range(1, 40))], ids=["two", "some", "many"])
def test_a_body_of_several_members_is_read(line: Line, upstream: UpstreamDouble, sizes: tuple[int, ...]) -> None:
    text, members = json.dumps(ASKED).encode(), b""
    for size in sizes:
        members, text = members + gzip.compress(text[:size]), text[size:]
    status, _ = line.chat(members + gzip.compress(text), content_encoding="gzip")
    assert status == 200
    assert upstream.bodies()[0]["messages"] == ASKED["messages"]


def test_a_body_in_chunks_is_read(line: Line, upstream: UpstreamDouble) -> None:
    text = json.dumps(ASKED).encode()
    status, _ = line.chat(iter([text[:10], text[10:11], text[11:]]))
    assert status == 200
    assert upstream.bodies()[0]["messages"] == ASKED["messages"]


@pytest.mark.parametrize(
    ("body", "coding", "status", "says"),
    [
        (b"{}", "br", 415, "gzip, deflate"),
        (b"not packed at all", "gzip", 400, "Content-Encoding"),
        (PACKED[:-9], "gzip", 400, "ends before"),
        (PACKED + b"junk behind it", "gzip", 400, "Content-Encoding"),
        (PACKED + b"\x1f", "gzip", 400, "ends before"),
        (zlib.compress(json.dumps(ASKED).encode()) + b"junk", "deflate", 400, "behind the end"),
        (gzip.compress(b" " * 5_000_000), "gzip", 413, "max_body_mb"),
        (gzip.compress(b" " * 500_000) * 10, "gzip", 413, "max_body_mb"),
        (gzip.compress(b"") * 60_000, "gzip", 413, "max_body_mb"),
    ],
    ids=[
        "a coding that is not read",
        "not what it says",
        "cut",
        "junk behind it",
        "half a member behind it",
        "junk behind its end",
        "a bomb",
        "a bomb in parts",
        "nothing, again and again",
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused_and_the_connection_lives(
    line: Line, body: bytes, coding: str, status: int, says: str
) -> None:
    refused, answer = line.chat(body, content_encoding=coding)
    assert refused == status
    assert says in answer["error"]["message"]
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert line.chat(json.dumps(ASKED))[0] == 200


@pytest.mark.parametrize("bad", [b"{not json", json.dumps({**ASKED, "model": "nobody"}).encode(), b"[" * 5_000])
def test_a_connection_outlives_an_error(line: Line, bad: bytes) -> None:
    assert line.chat(bad)[0] in (400, 404)
    assert line.chat(json.dumps(ASKED))[0] == 200


def test_a_provider_that_fails_leaves_the_clients_connection_alone(line: Line) -> None:
    assert line.chat(json.dumps({**ASKED, "model": "status-503:off"}))[0] == 503
    assert line.chat(json.dumps(ASKED))[0] == 200


@pytest.mark.parametrize("path", ["/health", "/ready", "/v1/models", "/v1/models/gpt-test", "/api/trees"])
def test_head_is_get_without_the_body(line: Line, path: str) -> None:
    status, headers, body = line.send("HEAD", path)
    assert (status, body) == (200, b"")
    status, same, body = line.send("GET", path)
    assert (status, headers["content-length"]) == (200, same["content-length"])
    assert len(body) == int(same["content-length"])


@pytest.mark.parametrize(
    ("path", "verb"), [("/v1/chat/completions", "POST"), ("/v1/models", "GET"), ("/v1/embeddings", "POST")]
)
def test_options_names_the_verbs(line: Line, path: str, verb: str) -> None:
    status, headers, _ = line.send("OPTIONS", path)
    assert status == 204
    assert verb in headers["allow"]


def test_a_wrong_verb_is_told_in_openais_shape(line: Line) -> None:
    status, _, content = line.send("PUT", "/v1/embeddings", b"{}")
    assert status == 405
    assert "PUT" in json.loads(content)["error"]["message"]


def test_the_openai_client_gets_its_embeddings(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    made = graft.client(key).embeddings.create(model="gpt-test", input=["ab", "abcd"])
    assert [item.embedding for item in made.data] == [[2, 0], [4, 1]]
    (sent,) = upstream.requests()
    assert (sent["path"], sent["headers"]["Authorization"]) == ("/v1/embeddings", f"Bearer {UPSTREAM_KEY}")
    assert graft.nodes(user) == []


def test_the_openai_client_gets_its_legacy_completions(graft: Served) -> None:
    key, user = graft.key()
    client = graft.client(key)
    assert client.completions.create(model="gpt-test", prompt="to be or not").choices[0].text == "to be or not"
    pieces = client.completions.create(model="gpt-test", prompt="to be or not", stream=True)
    assert [piece.choices[0].text for piece in pieces] == ["to", "be", "or", "not"]
    assert graft.nodes(user) == []


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/embeddings", {"input": "a"}, 400, "model"),
        ("/v1/embeddings", {"model": "gpt-test"}, 400, "input"),
        ("/v1/embeddings", {"model": "gpt-test", "input": []}, 400, "input"),
        ("/v1/embeddings", {"model": "nobody", "input": "a"}, 404, "model"),
        ("/v1/completions", {"model": "gpt-test"}, 400, "prompt"),
        ("/v1/completions", {"model": "gpt-test", "prompt": "a", "stream": "yes"}, 400, "stream"),
        ("/v1/completions", {"model": "status-429", "prompt": "a", "stream": True}, 429, None),
    ],
)
def test_what_cannot_be_forwarded_is_refused_by_name(
    line: Line, path: str, body: Any, status: int, param: str | None
) -> None:
    refused, _, content = line.send("POST", path, json.dumps(body))
    assert refused == status
    assert param in (None, json.loads(content)["error"]["param"])


def test_strangers_forward_nothing(graft: Served, upstream: UpstreamDouble) -> None:
    line = Line(graft, "sk-graft-nobodys")
    for path, body in (("/v1/embeddings", {"model": "gpt-test", "input": "a"}), ("/v1/completions", {"prompt": "a"})):
        assert line.send("POST", path, json.dumps({"model": "gpt-test", **body}))[0] == 401
    line.close()
    assert upstream.requests() == []
