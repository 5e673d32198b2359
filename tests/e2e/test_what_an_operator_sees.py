"""A served Graft as its operator sees it: request ids, lines of the log, figures, and who answered."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.doubles.running import UpstreamDouble, free_port
from tests.doubles.served import UPSTREAM_KEY, Served, serving

TOKEN = "figures-for-friends"


def entry(name: str, base: str, **info: Any) -> dict[str, Any]:
    params = {"model": f"openai/{name}", "api_base": base, "api_key": UPSTREAM_KEY}
    return {
        "model_name": name,
        "litellm_params": params,
        "model_info": {"max_input_tokens": 32_000, "lane": "raw", **info},
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    settings = {
        "model_list": [
            *(entry(name, upstream_process.base_url) for name in ("gpt-test", "stand-in", "status-500", "status-429")),
            entry("gone", nobody),
        ],
        "upstream": {"fallbacks": {"gone": ["stand-in"]}, "retries": 1},
        "routing": {"embedder": "static"},
        "server": {"log_format": "json", "max_body_mb": 1},
        "metrics": {"token": TOKEN},
    }
    with serving(tmp_path_factory.mktemp("operated"), upstream_process, settings) as running:
        running.key("keeper")
        yield running


@pytest.fixture
def ann(served: Served) -> Iterator[httpx.Client]:
    key, user = served.key()
    with httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        client.headers["x-test-user"] = user
        yield client


def body(text: str, model: str = "gpt-test", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def lines(served: Served, request_id: str) -> list[dict[str, Any]]:
    """All lines of one request, whose own comes when the last byte of its answer is out."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = [json.loads(line) for line in served.log().splitlines() if line.endswith("}")]
        found = [line for line in told if line.get("request_id") == request_id]
        if any(line["logger"] == "graft.requests" for line in found):
            return found
        time.sleep(0.02)
    raise AssertionError(f"{request_id} has no line:\n{served.log()}")


def figures(served: Served) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(httpx.get(f"{served.url}/metrics").text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def grown(before: dict[Any, float], after: dict[Any, float], name: str, **labels: str) -> float:
    key = (name, frozenset(labels.items()))
    return after.get(key, 0) - before.get(key, 0)


def test_a_clients_request_id_is_echoed_and_stands_in_every_line_of_its_request(
    served: Served, ann: httpx.Client
) -> None:
    answer = ann.post(
        "/v1/chat/completions", json=body("How deep is a lock?", "gone"), headers={"x-request-id": "mine-1"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers.get_list("x-request-id") == ["mine-1"]
    *before, last = lines(served, "mine-1")
    assert [line["logger"] for line in before]  # the model that could not be reached
    assert all(line["level"] == "warning" for line in before)
    assert last["logger"] == "graft.requests"
    told = {name: last[name] for name in ("method", "route", "status", "user", "model", "answered_by", "lane", "tree")}
    assert told == {
        "method": "POST",
        "route": "/v1/chat/completions",
        "status": 200,
        "user": ann.headers["x-test-user"],
        "model": "gone",
        "answered_by": "stand-in",
        "lane": "raw",
        "tree": "main",
    }
    assert last["node"] == answer.headers["x-graft-node"]
    assert {"find", "place", "context", "store"} <= set(last["stages_ms"])
    assert last["prompt_tokens"] > 0


def test_a_request_without_an_id_gets_one_on_every_kind_of_answer(served: Served, ann: httpx.Client) -> None:
    answers = [
        ann.get("/v1/models"),
        ann.get("/nothing/here"),
        ann.put("/v1/models"),
        ann.post("/v1/chat/completions", content=b"{"),
        ann.post("/v1/chat/completions", content=b"x", headers={"content-encoding": "br"}),
        ann.post("/v1/chat/completions", json=body("Streamed?", stream=True)),
        httpx.get(f"{served.url}/api/trees"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 405, 400, 415, 200, 401]
    ids = [answer.headers.get_list("x-request-id") for answer in answers]
    assert all(len(told) == 1 and told[0].startswith("req_") for told in ids)
    assert len({told[0] for told in ids}) == len(answers)


def test_an_id_that_would_forge_a_line_is_replaced(served: Served) -> None:
    at = urlsplit(served.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
    connection.request("GET", "/v1/models", headers={"x-request-id": 'x", "level": "error\t\xe9'})
    told = connection.getresponse().getheader("x-request-id") or ""
    connection.close()
    assert told.startswith("req_")
    assert lines(served, told)


def test_no_line_holds_a_key_or_what_was_said(served: Served, ann: httpx.Client) -> None:
    secret = "the marmalade is under the stairs"
    for model in ("gpt-test", "status-500", "status-429"):
        ann.post(
            "/v1/chat/completions",
            json=body(secret, model),
            headers=[(b"x-graft-tree", "a tree \u202e\u00e9".encode())],
        )
    ann.get("/api/search", params={"q": secret})
    log = served.log()
    assert secret not in log
    assert "marmalade" not in log
    for key in (UPSTREAM_KEY, TOKEN, ann.headers["authorization"].partition(" ")[2]):
        assert key not in log
    assert log.isascii()
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines())


def test_every_line_is_ours_whoever_wrote_it(served: Served) -> None:
    loggers = {json.loads(line)["logger"] for line in served.log().splitlines()}
    assert {"graft", "uvicorn.error"} <= loggers
    assert "uvicorn.access" not in loggers


def test_a_reply_tells_who_answered_and_its_receipt_remembers(ann: httpx.Client) -> None:
    plain = ann.post("/v1/chat/completions", json=body("Who is there?"))
    stood_in = ann.post("/v1/chat/completions", json=body("Who is there instead?", "gone"))
    streamed = ann.post("/v1/chat/completions", json=body("Who streams?", "gone", stream=True))
    aside = ann.post("/v1/chat/completions", json=body("Who is asked aside?", "gpt-test:off"))
    told = [answer.headers["x-graft-model"] for answer in (plain, stood_in, streamed, aside)]
    assert told == ["gpt-test", "stand-in", "stand-in", "gpt-test"]
    for answer, by in ((plain, "gpt-test"), (stood_in, "stand-in"), (streamed, "stand-in")):
        receipt = ann.get(f"/api/nodes/{answer.headers['x-graft-node']}/receipt").json()
        assert receipt["receipt"]["answered_by"] == by


def test_a_replayed_reply_tells_who_answered_then(ann: httpx.Client) -> None:
    headers = {"idempotency-key": "once"}
    first, again = (
        ann.post("/v1/chat/completions", json=body("Only once, please.", "gone"), headers=headers) for _ in range(2)
    )
    assert first.headers["x-graft-node"] == again.headers["x-graft-node"]
    assert again.headers["x-graft-model"] == "stand-in"


def test_figures_count_what_was_done(served: Served, ann: httpx.Client) -> None:
    before = figures(served)
    usage = {"stream_options": {"include_usage": True}}
    for asked, headers in (
        (body("Count me.", stream=True, **usage), {}),
        (body("Count me too.", "gone"), {}),
        (body("Count me not.", "gpt-test:off"), {}),
        (body("Refuse me.", "status-429"), {}),
        (body("Title?"), {"x-graft-task": "made up by a client"}),
    ):
        answer = ann.post("/v1/chat/completions", json=asked, headers=headers)
        lines(served, answer.headers["x-request-id"])
    after = figures(served)

    def more(name: str, **labels: str) -> float:
        return grown(before, after, name, **labels)

    chat = {"route": "/v1/chat/completions", "method": "POST"}
    assert more("graft_requests_total", **chat, status="200", lane="raw") == 4
    assert more("graft_requests_total", **chat, status="429", lane="raw") == 1
    assert more("graft_request_seconds_count", route="/v1/chat/completions") == 5
    assert more("graft_first_byte_seconds_count", lane="raw") == 4
    assert more("graft_stage_seconds_count", stage="place") == 2
    assert more("graft_tokens_total", model="gpt-test", kind="prompt") > 0
    assert more("graft_tokens_total", model="gone", kind="completion") > 0
    assert more("graft_asides_total", kind="policy off") == 1
    assert more("graft_asides_total", kind="task") == 1
    assert more("graft_replies_total", outcome="done") == 2
    assert more("graft_replies_total", outcome="failed") == 1
    assert more("graft_upstream_fallbacks_total", model="gone", to="stand-in") == 1
    assert more("graft_upstream_errors_total", deployment="status-429", kind="429") == 2
    assert more("graft_store_writes_total") > 0
    placed = [key for key in after if key[0] == "graft_routes_total"]
    assert sum(after[key] - before.get(key, 0) for key in placed) == 2
    assert after["graft_in_flight", frozenset()] == 0
    assert "made up" not in httpx.get(f"{served.url}/metrics").text


def test_labels_name_no_user_and_nothing_that_a_client_makes_up(served: Served, ann: httpx.Client) -> None:
    for number in range(5):
        ann.get(f"/made/up/{number}")
        ann.request("BREW", "/coffee")
        ann.post("/v1/chat/completions", json=body("Hm?", f"no-model-{number}"), headers={"x-graft-tree": f"t{number}"})
    told = httpx.get(f"{served.url}/metrics").text
    assert ann.headers["x-test-user"] not in told
    for made_up in ("/made/up", "BREW", "no-model", "coffee"):
        assert made_up not in told
    assert 'route="unmatched"' in told


def test_figures_are_told_to_this_machine_and_to_who_has_the_token(served: Served, ann: httpx.Client) -> None:
    elsewhere = {"host": "graft.example.org"}
    assert httpx.get(f"{served.url}/metrics").status_code == 200
    assert httpx.get(f"{served.url}/metrics", headers=elsewhere).status_code == 403
    assert httpx.get(f"{served.url}/metrics", headers={"origin": "http://evil.example"}).status_code == 403
    asked_for = {"x-forwarded-for": "203.0.113.9"}  # a proxy on this machine says for whom it asks
    assert httpx.get(f"{served.url}/metrics", headers=asked_for).status_code == 403
    wrong = {**elsewhere, "authorization": "Bearer nope"}
    assert httpx.get(f"{served.url}/metrics", headers=wrong).status_code == 403
    assert ann.get("/metrics", headers=elsewhere).status_code == 403
    shown = {**elsewhere, "authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{served.url}/metrics", headers=shown).status_code == 200
