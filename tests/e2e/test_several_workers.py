"""`graft serve --workers`: several processes on one port and one database behave as one server."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.domain.turn import Limits
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served, clean_environment, serving

WORKERS = 3
WAIT_S = 60


def raw_models(upstream: UpstreamDouble, *names: str) -> list[dict[str, Any]]:
    """Models that are asked without LiteLLM, whose import would cost each worker seconds."""
    return [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": upstream.base_url, "api_key": "sk-upstream"},
            "model_info": {"max_input_tokens": 32_000, "lane": "raw"},
        }
        for name in names
    ]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    settings = {
        "model_list": raw_models(upstream_process, "gpt-test"),
        "server": {"workers": WORKERS},
        "routing": {"embedder": "static"},
    }
    with serving(tmp_path_factory.mktemp("workers"), upstream_process, settings) as served:
        served.key("keeper")
        yield served


class At:
    """A connection to one worker, which stays with it."""

    def __init__(self, served: Served, worker: int, key: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            self.http = httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {key}"}, timeout=WAIT_S)
            if self.http.get("/health").json().get("worker") == worker:
                return
            self.http.close()
        raise AssertionError(f"Worker {worker} takes no connection:\n{served.log()}")

    def say(self, *texts: str, stream: bool = False, **headers: str) -> httpx.Response:
        """A chat; every second text is the assistant's."""
        answer = self.http.post("/v1/chat/completions", json=body(*texts, stream=stream), headers=headers)
        assert answer.status_code == 200, answer.text
        return answer


def body(*texts: str, stream: bool = False) -> dict[str, Any]:
    messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    return {"model": "gpt-test", "messages": messages, "stream": stream}


def text_of(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


@pytest.fixture
def each(several: Served, upstream: UpstreamDouble) -> Iterator[tuple[list[At], str]]:
    """One connection to each worker, all of one user."""
    key, user = several.key()
    connections = [At(several, number, key) for number in range(1, WORKERS + 1)]
    yield connections, user
    for connection in connections:
        connection.http.close()


def pid_of(served: Served, worker: int) -> int:
    """The process of a worker, as the log tells it; the newest where it was started anew.

    Waits until the worker has said it: the server is ready as soon as its first worker is.
    """
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if told := re.findall(rf"\[worker {worker}\]: Started server process \[(\d+)\]", served.log()):
            return int(told[-1])
        time.sleep(0.05)
    raise AssertionError(f"Worker {worker} did not start:\n{served.log()}")


def test_a_turn_written_through_one_worker_is_read_through_all_at_once(each: tuple[list[At], str]) -> None:
    connections, _ = each
    for writer in connections:
        told = writer.say("How long does bread bake?", **{"x-graft-route": "follow", "x-graft-parent": "root"}).headers
        for reader in connections:
            found = reader.http.get(f"/api/nodes/{told['x-graft-node']}")
            assert found.status_code == 200, found.text
            assert found.json()["id"] == told["x-graft-node"]


def test_a_chat_goes_on_at_whichever_worker_it_arrives(each: tuple[list[At], str], several: Served) -> None:
    connections, user = each
    history: list[str] = []
    told: list[httpx.Headers] = []
    for turn in range(7):
        asked = f"Step {turn} of the recipe?"
        answer = connections[turn % WORKERS].say(*history, asked, **{"x-graft-route": "follow"})
        history += [asked, text_of(answer)]
        told.append(answer.headers)
    assert [headers["x-graft-parent"] for headers in told] == [
        "root",
        *(headers["x-graft-node"] for headers in told[:-1]),
    ]
    assert len(several.nodes(user)) == 14


def test_the_router_of_one_worker_knows_what_was_said_through_another(each: tuple[list[At], str]) -> None:
    (one, two, three), _ = each
    bread = one.say("My sourdough starter smells of acetone, what should I do?").headers
    again = two.say("How often should I feed my sourdough starter, then?").headers
    assert again["x-graft-parent"] == bread["x-graft-node"]
    last = three.say("And how warm should the sourdough starter stand?").headers
    assert last["x-graft-parent"] == again["x-graft-node"]


async def begun_at_two(
    each: list[At], served: Served, upstream: UpstreamDouble, **headers: str
) -> list[httpx.Response]:
    """The same request at two workers: the second comes while the first is being answered."""
    upstream.script({"do": "gate", "name": "both"})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(each[0].say, "Tell me all about canals.", **headers)
        await upstream.began(0)
        second = pool.submit(each[1].say, "Tell me all about canals.", **headers)
        wait_until_in_flight(At(served, 2, served.key()[0]), 2)
        upstream.release("both")
        return [first.result(WAIT_S), second.result(WAIT_S)]


def wait_until_in_flight(at: At, requests: int) -> None:
    """Wait until so many requests are being answered by all workers, those of this one past their first questions to the database."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        told = re.search(r"^graft_in_flight (\S+)", at.http.get("/metrics").text, re.MULTILINE)
        if told is not None and float(told[1]) >= requests:
            for _ in range(5):  # each waits its turn behind what that worker has begun
                assert at.http.get("/api/me").status_code == 200
            at.http.close()
            return
        time.sleep(0.05)
    raise AssertionError(f"{requests} requests were never in flight")


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [{}, {"x-stainless-retry-count": "1"}, {"idempotency-key": "canals"}])
async def test_two_identical_requests_at_two_workers_make_one_node(
    each: tuple[list[At], str], several: Served, upstream: UpstreamDouble, headers: dict[str, str]
) -> None:
    connections, user = each
    first, second = await begun_at_two(connections, several, upstream, **headers)
    assert first.headers["x-graft-node"] == second.headers["x-graft-node"]
    assert text_of(first) == text_of(second)
    assert len(upstream.requests()) == 1
    assert [node.message.role for node in several.nodes(user)] == ["user", "assistant"]


def test_nothing_is_lost_and_nothing_is_locked_under_load(several: Served, upstream: UpstreamDouble) -> None:
    key, user = several.key()
    turns, clients = 6, 16

    def chat(number: int) -> list[str]:
        nodes, history = [], []
        with httpx.Client(base_url=several.url, headers={"authorization": f"Bearer {key}"}, timeout=WAIT_S) as http:
            for turn in range(turns):
                history.append(f"Client {number} says number {turn}.")
                sent = body(*history)
                headers = {"x-graft-route": "follow", "x-session-id": f"chat {number}", "connection": "close"}
                answer = http.post("/v1/chat/completions", json=sent, headers=headers)
                assert answer.status_code == 200, answer.text
                history.append(text_of(answer))
                nodes.append(answer.headers["x-graft-node"])
        return nodes

    with ThreadPoolExecutor(clients) as pool:
        told = [node for nodes in pool.map(chat, range(clients)) for node in nodes]
    stored = {node.id for node in several.nodes(user)}
    assert len(told) == len(set(told)) == clients * turns
    assert set(told) <= stored
    assert len(stored) == 2 * clients * turns
    assert several.violations() == []
    assert "locked" not in several.log()


def test_a_keys_minute_is_one_for_all_workers(several: Served, upstream: UpstreamDouble) -> None:
    """Asked through each in turn; what of a minute has come back meanwhile is taken into account."""
    key, _ = several.key(limits=Limits(requests_per_minute=3))
    began = time.monotonic()
    ways = [At(several, number, key) for number in range(1, WORKERS + 1)]
    answers = [way.http.post("/v1/chat/completions", json=body(f"Question {n}")) for n in range(4) for way in ways]
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(passed) + len(refused) == len(answers)
    assert 3 <= len(passed) <= 3 + (time.monotonic() - began) / 20
    assert all(int(answer.headers["retry-after"]) <= 20 for answer in refused)
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"3"}
    for way in ways:
        way.http.close()


@pytest.mark.anyio
async def test_a_killed_worker_is_started_again_and_only_its_own_replies_are_interrupted(
    each: tuple[list[At], str], several: Served, upstream: UpstreamDouble
) -> None:
    (first, second, _), user = each
    upstream.script({"do": "gate", "name": "mine"}, {"do": "gate", "name": "other"})
    with ThreadPoolExecutor(2) as pool:
        cut = pool.submit(first.http.post, "/v1/chat/completions", json=body("Tell me of locks."))
        await upstream.began(0)
        goes_on = pool.submit(second.say, "Tell me of weirs.")
        await upstream.began(1)
        killed = pid_of(several, 1)
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            cut.result(WAIT_S)
        key, _ = several.key(user)
        At(several, 1, key).http.close()  # the same number, a new process: it has ended what the dead one left
        assert pid_of(several, 1) != killed
        calls = several.ask(lambda store: store._read(lambda db: db.execute(CALLS, (user,)).fetchall()))
        assert calls == [("failed", "Tell me of locks."), ("open", "Tell me of weirs.")]
        upstream.release("other")
        assert goes_on.result(WAIT_S).status_code == 200
    calls = several.ask(lambda store: store._read(lambda db: db.execute(CALLS, (user,)).fetchall()))
    assert [status for status, _ in calls] == ["failed", "done"]
    assert several.violations() == []
    assert "Worker 1 has ended with -9" in several.log()


CALLS = """
    SELECT c.status, json_extract(n.content, '$.content') FROM calls c JOIN nodes n ON n.id = c.turn_id
    WHERE c.user_id = ? ORDER BY c.rowid
"""


def test_workers_stop_with_a_parent_that_was_killed(tmp_path: Path, upstream_process: UpstreamDouble) -> None:
    settings = {
        "model_list": raw_models(upstream_process, "gpt-test"),
        "server": {"workers": 2},
        "routing": {"embedder": "static"},
    }
    served = Served(tmp_path, upstream_process, settings)
    try:
        served.start()
        workers = {pid_of(served, 1), pid_of(served, 2)}
    finally:
        served.stop(signal.SIGKILL)
    deadline = time.monotonic() + WAIT_S
    while workers and time.monotonic() < deadline:
        workers = {pid for pid in workers if is_alive(pid)}
    assert not workers


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"storage": {"url": "sqlite://:memory:"}}, "belongs to one process"),
        ({"routing": {"model": "nobody"}}, "cannot start"),
    ],
)
def test_what_workers_cannot_share_or_start_with_is_told(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"server": {"workers": 2, "port": 0}, **settings}))
    command = [sys.executable, "-m", "proxy", "serve", "--config", str(config)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT_S, env=clean_environment(), cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
