"""Replies of the tree API as streams, on a real server: regenerate, move and undo with `answer_again`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served

STREAM = {"stream": True}


class Ann:
    """Somebody with two topics in a tree, and a turn that was put into the wrong one."""

    def __init__(self, graft: Served) -> None:
        self.graft = graft
        self.key, self.user = graft.key()
        self.headers = {"authorization": f"Bearer {self.key}"}
        chat = Linear(graft.client(self.key))
        chat.say("How deep is the harbour?")
        self.boats = chat.node
        other = Linear(graft.client(self.key), X_Graft_Parent="root")
        other.say("How long does bread bake?")
        self.bread = other.node
        wrong = Linear(graft.client(self.key), X_Graft_Parent=self.boats)
        wrong.say("And the crust?")
        self.wrong = wrong.node
        self.turn = self.get(f"/api/nodes/{self.wrong}")["parent_id"]

    def get(self, path: str) -> Any:
        answer = httpx.get(self.graft.url + path, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def stream(self, path: str, body: dict[str, Any]) -> Iterator[httpx.Response]:
        with httpx.stream("POST", self.graft.url + path, headers=self.headers, json=body, timeout=30) as answer:
            yield answer

    def replies(self) -> list[tuple[str, str]]:
        """What hangs under the turn: ids and states, oldest first."""
        return [(one["id"], one["state"]) for one in self.get(f"/api/nodes/{self.turn}/children")["data"]]

    def waited(self, count: int) -> list[tuple[str, str]]:
        """The same, once there are so many."""
        for _ in range(200):
            if len(found := self.replies()) == count:
                return found
            threading.Event().wait(0.05)
        raise AssertionError(self.replies())

    def correction(self, what: str) -> tuple[str, dict[str, Any]]:
        """A request that has the turn answered again."""
        if what == "regenerate":
            return f"/api/nodes/{self.wrong}/regenerate", dict(STREAM)
        if what == "move":
            return f"/api/nodes/{self.turn}/move", {"parent_id": self.bread, "answer_again": True, **STREAM}
        return f"/api/nodes/{self.wrong}/undo", {"answer_again": True, **STREAM}


@pytest.fixture
def ann(graft: Served) -> Ann:
    return Ann(graft)


def chunks(answer: httpx.Response) -> Iterator[dict[str, Any] | str]:
    """Events as they come."""
    for line in answer.iter_lines():
        if line.startswith("data: "):
            data = line.removeprefix("data: ")
            yield data if data == "[DONE]" else json.loads(data)


def said(events: list[Any]) -> str:
    told = [one["choices"][0]["delta"].get("content") for one in events if isinstance(one, dict) and one.get("choices")]
    return "".join(text or "" for text in told)


@pytest.mark.parametrize("what", ["regenerate", "move", "undo"])
def test_chunks_pass_as_they_come_and_the_reply_stands_beside_the_first(
    ann: Ann, upstream: UpstreamDouble, what: str
) -> None:
    """Causal: the upstream sends the next chunk only after the client has the one before."""
    upstream.reset()
    upstream.script({"do": "gate", "name": what})
    upstream.release(what, 2)
    path, body = ann.correction(what)
    events: list[Any] = []
    with ann.stream(path, body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        for event in chunks(answer):
            events.append(event)
            upstream.release(what, 1)
    new = answer.headers["x-graft-node"]
    assert events[-1] == "[DONE]"
    assert {one["object"] for one in events[:-1]} == {"chat.completion.chunk"}
    assert [one["choices"][0]["finish_reason"] for one in events[:-1]][-1] == "stop"
    assert ann.replies() == [(ann.wrong, "whole"), (new, "whole")]
    assert ann.get(f"/api/nodes/{new}")["content"] == said(events)
    [sent] = upstream.bodies()
    assert sent["stream"] is True
    parent = {"regenerate": ann.boats, "move": ann.bread, "undo": None}[what]
    assert answer.headers["x-graft-parent"] == (parent or "root")
    assert ann.get(f"/api/nodes/{ann.turn}")["parent_id"] == parent
    history = [] if parent is None else [node["content"] for node in ann.get(f"/api/nodes/{parent}/path")["data"]]
    assert [message["content"] for message in sent["messages"]] == [*history, "And the crust?"]
    marked = ann.get(f"/api/nodes/{ann.wrong}")["metadata"].get("graft")
    assert marked == (None if what == "regenerate" else {"superseded_by": new})
    assert ann.get("/api/trees")["data"]
    assert ann.graft.violations() == []


@pytest.mark.parametrize("what", ["regenerate", "move", "undo"])
def test_who_leaves_in_the_middle_leaves_an_interrupted_reply(ann: Ann, upstream: UpstreamDouble, what: str) -> None:
    upstream.reset()
    upstream.script({"do": "stall", "after": 4})
    path, body = ann.correction(what)
    events: list[Any] = []
    with ann.stream(path, body) as answer:
        new = answer.headers["x-graft-node"]
        for event in chunks(answer):
            events.append(event)
            if len(events) == 3:
                break
    assert asyncio.run(upstream.ended()) == "left"
    assert ann.waited(2) == [(ann.wrong, "whole"), (new, "interrupted")]
    assert ann.get(f"/api/nodes/{new}")["content"].startswith(said(events))
    assert "graft" not in ann.get(f"/api/nodes/{ann.wrong}")["metadata"]
    receipt = ann.get(f"/api/nodes/{new}/receipt")
    assert (receipt["status"], receipt["finish_reason"]) == ("interrupted", None)
    assert ann.graft.violations() == []


def test_a_cut_upstream_is_told_as_an_event_and_never_as_an_end(ann: Ann, upstream: UpstreamDouble) -> None:
    upstream.reset()
    upstream.script({"do": "cut", "after": 4})
    path, body = ann.correction("move")
    with ann.stream(path, body) as answer:
        events = list(chunks(answer))
    assert set(events[-1]) == {"error"}
    assert "[DONE]" not in events
    assert {one["choices"][0]["finish_reason"] for one in events[:-1]} == {None}
    assert ann.replies() == [(ann.wrong, "whole"), (answer.headers["x-graft-node"], "interrupted")]
    assert "graft" not in ann.get(f"/api/nodes/{ann.wrong}")["metadata"]
    assert ann.get(f"/api/nodes/{ann.turn}")["parent_id"] == ann.bread


def test_an_error_before_the_first_byte_is_an_answer_with_its_status(ann: Ann, upstream: UpstreamDouble) -> None:
    upstream.reset()
    upstream.script({"do": "status", "code": 429, "retry_after": 7})
    path, body = ann.correction("regenerate")
    with ann.stream(path, body) as answer:
        assert answer.status_code == 429
        assert set(json.loads(answer.read())) == {"error"}
    assert ann.replies() == [(ann.wrong, "whole")]


def test_a_correction_that_failed_can_be_tried_again(ann: Ann, upstream: UpstreamDouble) -> None:
    """The move stays, and the wrong reply is marked once there is a whole one."""
    upstream.reset()
    upstream.script({"do": "status", "code": 503}, {"do": "say", "text": "Golden."})
    path, body = ann.correction("move")
    with ann.stream(path, body) as answer:
        assert answer.status_code == 503
    with ann.stream(path, body) as answer:
        assert said(list(chunks(answer))) == "Golden."
    new = answer.headers["x-graft-node"]
    assert ann.replies() == [(ann.wrong, "whole"), (new, "whole")]
    assert ann.get(f"/api/nodes/{ann.wrong}")["metadata"]["graft"] == {"superseded_by": new}
