"""What users write is text and stays text: to SQL, to the full-text index, to headers, to JSON readers, to browsers and to the log."""

from __future__ import annotations

import gzip
import json
import logging
import re
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.house import House, Person, open_house

NASTY = [
    "'; DROP TABLE nodes; --",
    '" OR ""="',
    "' OR 1=1 --",
    "') UNION SELECT key, digest FROM keys --",
    "%' ESCAPE '%",
    "a NEAR(b, 2)",
    "words : x",
    "owner : *",
    '"unbalanced',
    "NOT",
    "AND OR NOT",
    '* ^ + - ( ) { } : "',
    'x" OR owner : "',
    "{owner words} : x",
    "\u0000",
    "x\r\nset-cookie: stolen=1",
    "x\nINFO graft: forged",
    "\u202egnp.exe",
    "../../etc/passwd",
    "%00%0d%0a",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "x" * 400,
]
SCRIPT = "<script>alert(document.domain)</script><img src=x onerror=alert(1)>"
JSON_DOORS = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/api/trees"),
    ("PUT", "/api/zones/user"),
    ("POST", "/api/trees/import"),
    ("POST", "/api/memories"),
]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(server={"max_body_mb": 2}) as opened:
        opened.key("keeper")
        yield opened


@pytest.fixture
def ada(house: House) -> Person:
    return house.person()


def answered(person: Person, method: str, path: str, content: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    told = {
        **person.headers,
        "content-type": "application/json",
        **{n.replace("_", "-"): v for n, v in headers.items()},
    }
    answer = person.house.client.request(method, path, content=content, headers=told)
    return answer.status_code, answer.json()


def operations(house: House) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Every endpoint of the description: verb, path, and its parameters."""
    for path, verbs in house.client.get("/api/docs/openapi.json").json()["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path, operation.get("parameters", [])


def test_no_string_in_a_path_or_a_query_is_read_as_sql_or_as_an_operator(house: House, ada: Person) -> None:
    """Ids, cursors, words to look for, names, orders: every parameter of every endpoint that reads, with every string."""
    ada.say("Where is the xylophone?")
    house.settle()
    tried = 0
    for verb, path, parameters in operations(house):
        if verb not in ("GET", "DELETE"):
            continue
        for text in NASTY:
            url = re.sub(r"{\w+}", lambda _, text=text: _quoted(text), path)
            query = {one["name"]: text for one in parameters if one["in"] == "query"}
            answers = [ada.house.client.request(verb, url, headers=ada.headers)]
            answers += [
                ada.house.client.request(verb, url, params={name: value}, headers=ada.headers)
                for name, value in query.items()
            ]
            for answer in answers:
                assert answer.status_code < 500, (verb, url, answer.text)
                assert "sqlite" not in answer.text.lower(), (verb, url, answer.text)
                assert "fts5" not in answer.text.lower(), (verb, url, answer.text)
            tried += len(answers)
    assert tried > 500
    assert list(house.ask(lambda store: store.verify())) == []


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


@pytest.mark.parametrize("words", [*NASTY, "word " * 2000, '"' * 1000, "a* " * 500, "\u202e\u200b"])
def test_words_that_are_looked_for_are_words(ada: Person, words: str) -> None:
    """None is an operator of the index, none reaches another user's text, and the right one is found."""
    other = ada.house.person()
    other.tree(title="Mine").branch("The zebra's secret is 4711.", "Noted.")
    own = ada.tree(title="Own").branch(f"about {words} and quokkas", "Noted.")
    found = ada.house.client.get("/api/search", params={"q": words}, headers=ada.headers)
    assert found.status_code in (200, 400), found.text
    assert "4711" not in found.text
    again = ada.house.client.get("/api/search", params={"q": "quokkas"}, headers=ada.headers).json()
    assert own[0] in json.dumps(again)


@pytest.mark.parametrize("text", [text for text in NASTY if text != "\u0000"])
def test_what_is_stored_comes_back_letter_for_letter_and_changes_nothing_else(ada: Person, text: str) -> None:
    tree = ada.tree(title=text, metadata={"about": text})
    [node, _] = tree.branch(text, text)
    ada.ok("PUT", f"{tree.path}/zones/discussion", {"text": text})
    made = ada.ok("POST", f"{tree.path}/artefacts", {"title": text, "text": text, "tags": [text[:50]]})
    assert ada.get(tree.path)["title"] == text
    assert ada.get(tree.path)["metadata"]["about"] == text
    assert ada.get(f"/api/nodes/{node}")["content"] == text
    assert ada.get(f"{tree.path}/zones/discussion")["text"] == text
    assert ada.get(f"/api/artefacts/{made['id']}")["title"] == text
    assert list(ada.house.ask(lambda store: store.verify())) == []


HEADER_FORGERIES = [
    "x\r\nset-cookie: stolen=1",
    "x\nset-cookie: stolen=1",
    "x\r\n\r\n<script>",
    "x\u0085y",
    "x\u2028y",
    "café",
]


@pytest.mark.parametrize("text", HEADER_FORGERIES)
def test_no_title_or_name_becomes_a_header(ada: Person, text: str) -> None:
    """Of a tree, of a model, of a field: what is told in `x-graft-` headers is escaped, and nothing follows from it."""
    ada.tree(name=text.replace("\r", "").replace("\n", " ")[:60], title=text)
    said = {"model": "mirror", "messages": [{"role": "user", "content": text}], text: 1, "metadata": {"chat": text}}
    answer = ada.send("POST", "/v1/chat/completions", said)
    assert answer.is_success, answer.text
    missing = ada.send("POST", "/v1/chat/completions", {**said, "model": text})
    assert missing.status_code == 404
    for one in (answer, missing):
        assert "set-cookie" not in one.headers
        for name, value in one.headers.items():
            assert value.isascii(), name
            assert value.isprintable(), name


BOMBS = {
    "deep lists": b'{"model":"mirror","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "unclosed": b"[" * 500_000,
    "a huge exponent": b'{"model":"mirror","messages":[{"role":"user","content":"x"}],"temperature":1e999999}',
    "a huge integer": b'{"model":"mirror","messages":[{"role":"user","content":"x"}],"seed":' + b"9" * 500_000 + b"}",
    "not a number": b'{"model":"mirror","messages":[{"role":"user","content":"x"}],"top_p":NaN}',
    "infinity": b'{"model":"mirror","messages":[{"role":"user","content":"x"}],"top_p":-Infinity}',
    "half a character": rb'{"model":"mirror","messages":[{"role":"user","content":"x\ud800"}]}',
    "half a key": rb'{"model":"mirror","\udfff":1,"messages":[{"role":"user","content":"x"}]}',
    "an overlong letter": b'{"model":"mirror","messages":[{"role":"user","content":"\xc0\xaf"}]}',
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("door", JSON_DOORS, ids=lambda door: door[1])
def test_a_bomb_of_json_is_refused_at_every_door(ada: Person, door: tuple[str, str], bomb: str) -> None:
    status, told = answered(ada, *door, BOMBS[bomb])
    if "half" in bomb and door[1].endswith("/import"):  # files of others may hold them; they are kept, and sent escaped
        assert status == 201, told
        return
    assert status == 400, told
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert len(told["error"]["message"]) < 2000


def test_half_a_character_is_called_by_its_name(ada: Person) -> None:
    for body in (BOMBS["half a character"], rb'{"model":"mirror","messages":[{"role":"user","content":"\ud83d"}]}'):
        status, told = answered(ada, "POST", "/v1/chat/completions", body)
        assert status == 400
        assert "half a character" in told["error"]["message"]
        assert "truncated" not in told["error"]["message"]


def test_a_wide_body_is_read_or_refused_and_the_last_of_equal_keys_counts(ada: Person) -> None:
    wide = json.dumps(
        {"model": "mirror", "messages": [{"role": "user", "content": "x"}], **{f"k{i}": i for i in range(60_000)}}
    )
    assert answered(ada, "POST", "/v1/chat/completions", wide.encode())[0] == 200
    twice = b'{"model":"nobody","model":"mirror","messages":[],"messages":[{"role":"user","content":"Last"}]}'
    assert answered(ada, "POST", "/v1/chat/completions", twice)[0] == 200


PACKED = {
    "gzip": lambda data: gzip.compress(data, 9),
    "deflate": lambda data: zlib.compress(data, 9),
    "x-gzip": lambda data: gzip.compress(data, 9),
}


@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_body_is_refused_as_soon_as_it_grows_too_large(ada: Person, packing: str) -> None:
    bomb = PACKED[packing](b" " * 300_000_000)
    assert len(bomb) < 2_000_000
    status, told = answered(ada, "POST", "/v1/chat/completions", bomb, content_encoding=packing)
    assert (status, told["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("packing", ["gzip, gzip", "br", "zstd", "gzip;q=1", "compress", "gzip\t,deflate"])
def test_a_packing_in_layers_or_unknown_is_refused(ada: Person, packing: str) -> None:
    body = gzip.compress(gzip.compress(b"{}"))
    assert answered(ada, "POST", "/v1/chat/completions", body, content_encoding=packing)[0] == 415


def test_no_answer_is_a_page_that_runs_what_users_wrote(house: House, ada: Person) -> None:
    """Scripts in titles, contents, artefacts, names of models and paths: told as JSON, or as a file to be saved."""
    tree = ada.tree(title=SCRIPT, name=SCRIPT[:100])
    node = tree.branch(SCRIPT, SCRIPT)[1]
    artefact = ada.ok("POST", f"{tree.path}/artefacts", {"title": SCRIPT, "text": SCRIPT, "type": "html"})["id"]
    paths = [
        tree.path,
        "/api/trees",
        f"{tree.path}/artefacts",
        f"/api/artefacts/{artefact}",
        f"/api/artefacts/{artefact}/export",
        f"/api/nodes/{node}",
        f"{tree.path}/export?format=markdown",
        f"{tree.path}/export?format=lollms_text",
        f"{tree.path}/export",
        f"{tree.path}/export?format=openai_chat",
        f"/api/{SCRIPT}",
        f"/v1/models/{_quoted(SCRIPT)}",
        "/api/docs",
    ]
    for path in paths:
        answer = ada.send("GET", path)
        kind = answer.headers["content-type"]
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in answer.headers["content-security-policy"], path
        if kind.startswith("text/html"):
            assert (path, SCRIPT in answer.text) == ("/api/docs", False)
        elif not kind.startswith("application/json"):
            assert answer.headers["content-disposition"].startswith("attachment"), (path, kind)
        if "content-disposition" in answer.headers:
            assert "<" not in answer.headers["content-disposition"]


def test_nothing_that_a_client_sends_begins_a_line_of_the_log(ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    """Paths, ids, names and messages of errors: a record is one line, whatever stands in it."""
    from proxy.api.errors import in_one_line

    forged = "x\r\n2026-01-01 INFO graft: forged\x1b[2J\u2028\u202e"
    assert in_one_line(forged).isprintable()
    with caplog.at_level(logging.DEBUG, logger="proxy"):
        for path in (f"/api/nodes/{_quoted(forged)}", f"/v1/models/{_quoted(forged)}", f"/{_quoted(forged)}"):
            ada.send("GET", path)
        for body in ({"model": forged}, {"model": "mirror", "messages": [{"role": "user", "content": forged}]}):
            ada.send("POST", "/v1/chat/completions", body, x_graft_tree="t", x_openwebui_chat_id="c")
        ada.house.settle()
    assert [
        one.getMessage()
        for one in caplog.records
        if "forged" in one.getMessage() and not one.getMessage().isprintable()
    ] == []


LOOKALIKES = [
    "caf\u00e9",
    "cafe\u0301",
    "\uff43af\u00e9",
    "c\u0430f\u00e9",
    "caf\u00e9\u200b",
    "\u202ecaf\u00e9",
    "CAF\u00c9",
    "caf\u00e9 ",
    "caf\u00e9/x",
]


def test_names_of_users_that_look_alike_are_different_people(house: House) -> None:
    """Composed and not, wide, Cyrillic, with marks that nobody sees: nobody is taken for another."""
    key, app = house.key(kind="app")
    for number, name in enumerate(LOOKALIKES):
        said = {"model": "mirror", "user": name, "messages": [{"role": "user", "content": f"Secret {number}"}]}
        answer = house.client.post("/v1/chat/completions", json=said, headers={"authorization": f"Bearer {key}"})
        assert answer.is_success, answer.text
    house.settle()
    users = [row[0] for row in house.rows("SELECT id FROM users WHERE id LIKE ? || '/%'", app)]
    assert sorted(users) == sorted(f"{app}/{name}" for name in LOOKALIKES)
    for number, name in enumerate(LOOKALIKES):
        listed = house.client.get("/api/trees", params={"user": name}, headers={"authorization": f"Bearer {key}"})
        [tree] = listed.json()["data"]
        file = house.client.get(
            f"/api/trees/{tree['id']}/export", params={"user": name}, headers={"authorization": f"Bearer {key}"}
        ).text
        assert set(re.findall(r"Secret \d", file)) == {f"Secret {number}"}


def test_a_name_of_a_user_is_no_novel(house: House) -> None:
    key, _ = house.key(kind="app")
    said = {"model": "mirror", "user": "x" * 501, "messages": [{"role": "user", "content": "Hello"}]}
    answer = house.client.post("/v1/chat/completions", json=said, headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "user")


@pytest.mark.parametrize("written", ["n\u200b_x", "\u202en_x", "\uff4e_x", "n_\u0445", "N_X", " n_x", "n_x\u0000"])
def test_an_id_that_looks_like_another_is_an_unknown_one(ada: Person, written: str) -> None:
    node = ada.tree().branch("Hello", "Yes?")[0]
    twisted = written.replace("_x", node[1:])
    if twisted != node:
        assert ada.send("GET", f"/api/nodes/{_quoted(twisted)}").status_code in (400, 404)
