"""A user grows a tree that shall make placement dear: thousands of tips that all look like the turn, and windows of huge messages.

What the LLM scorer is asked stays within its ceilings, in calls and in words, whatever the tree; the turn is answered and stored, and
so is everybody else's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.house import House, Person, open_house
from tests.doubles.running import UpstreamDouble

CALLS = 6
TIPS = 1_000
HUGE = "How is the lock of the canal opened and closed again? " * 2_000
"""110 kB."""
MOST_SAID = 60_000
"""Characters of one question to the scorer: four windows of four messages, each clipped."""
SCORES = json.dumps({"scores": [{"id": n, "reasoning": "alike", "relevance": 0.9, "rank": n} for n in (1, 2, 3, 4)]})
TURN = "How is the lock of the canal opened?"


@pytest.fixture(scope="module")
def house(upstream_process: UpstreamDouble) -> Iterator[House]:
    """The LLM scorer is asked about every turn, and has all the time it wants."""
    base = {"api_base": upstream_process.base_url, "api_key": "sk-judge"}
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", **base}, "model_info": {"lane": "raw"}}
        for name in ("judge", "chat")
    ]
    routing = {
        "model": "judge",
        "mode": "tournament",
        "gate": 1.0,
        "deadline_s": 60.0,
        "max_calls": CALLS,
        "embedder": "static",
    }
    with open_house(model_list=models, routing=routing) as opened:
        opened.key("keeper")
        yield opened


def branch(number: int, *texts: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    return {"id": f"b{number}", "parent_id": None, "messages": messages}


def many_tips() -> list[dict[str, Any]]:
    return [
        branch(number, f"How is lock {number} of the canal opened?", f"By hand, {number}.") for number in range(TIPS)
    ]


def huge_windows() -> list[dict[str, Any]]:
    return [branch(number, *(f"{number} {HUGE}" for _ in range(4))) for number in range(20)]


def grown(person: Person, branches: list[dict[str, Any]]) -> None:
    person.ok("POST", "/api/trees/import", {"tree_id": "main", "branches": branches})


def said(person: Person, text: str) -> dict[str, Any]:
    """The decision on a turn that was answered."""
    body = {"model": "chat", "messages": [{"role": "user", "content": text}]}
    answer = person.send("POST", "/v1/chat/completions", body)
    assert answer.is_success, answer.text
    reply = person.get(f"/api/nodes/{answer.headers['x-graft-node']}")
    decision: dict[str, Any] = person.get(f"/api/nodes/{reply['parent_id']}/route")["decision"]
    return decision


@pytest.mark.parametrize("tree", [many_tips, huge_windows], ids=["many tips", "huge windows"])
@pytest.mark.parametrize("answers", [SCORES, "{" * 5_000], ids=["alike", "in nothing"])
def test_what_the_scorer_is_asked_stays_within_its_ceilings(
    house: House, upstream: UpstreamDouble, tree: Any, answers: str
) -> None:
    mallory, ada = house.person(), house.person()
    grown(mallory, tree())
    upstream.script({"do": "say", "text": answers, "model": "judge", "times": 500})
    decision = said(mallory, TURN)
    asked = [body for body in upstream.bodies() if body["model"] == "judge"]
    assert 1 <= len(asked) <= CALLS
    assert decision["calls"] <= CALLS
    assert max(len(json.dumps(body["messages"])) for body in asked) < MOST_SAID
    assert said(ada, "Who else is here?")["calls"] == 0
    house.settle()


def test_a_huge_turn_is_clipped_before_the_scorer_reads_it(house: House, upstream: UpstreamDouble) -> None:
    mallory = house.person()
    grown(mallory, many_tips()[:50])
    upstream.script({"do": "say", "text": SCORES, "model": "judge", "times": 500})
    said(mallory, f"{TURN} {HUGE}")
    asked = [body for body in upstream.bodies() if body["model"] == "judge"]
    assert asked
    assert max(len(json.dumps(body["messages"])) for body in asked) < MOST_SAID
