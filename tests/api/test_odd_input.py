"""What a stranger sends by mistake or on purpose is answered with what is wrong about it, and changes nothing."""

from __future__ import annotations

import logging

import pytest

from tests.api.house import House, Person, Tree

TOO_LARGE = 1 << 63
"""One more than the database's integers reach."""
NO_UTF_8 = (b'{"text": "\xff"}', b'{"text": "\xc3"}', b'{"\xfe": "x"}')


def sent(ada: Person, method: str, path: str, raw: bytes) -> tuple[int, str]:
    headers = {**ada.headers, "content-type": "application/json"}
    answer = ada.house.client.request(method, path, content=raw, headers=headers)
    return answer.status_code, answer.json()["error"]["message"]


@pytest.mark.parametrize("raw", NO_UTF_8)
def test_a_body_that_is_no_text_is_refused_on_every_door(ada: Person, tree: Tree, raw: bytes):
    zone = f"{tree.path}/zones/discussion"
    ada.ok("PUT", zone, {"text": "As it was."})
    for method, path in (
        ("PUT", zone),
        ("POST", zone),
        ("PATCH", tree.path),
        ("POST", f"{tree.path}/chat"),
        ("POST", f"{tree.path}/artefacts"),
        ("POST", "/api/memories"),
        ("POST", "/api/personalities"),
        ("POST", "/api/trees/import"),
        ("POST", "/v1/chat/completions"),
    ):
        status, told = sent(ada, method, path, raw)
        assert (status, "not JSON" in told) == (400, True), (method, path, status, told)
    assert ada.get(zone)["text"] == "As it was."
    assert ada.get(f"{tree.path}/artefacts")["data"] == ada.get("/api/memories")["data"] == []


def test_a_number_that_no_version_can_have_is_refused_by_its_name(ada: Person, tree: Tree):
    path = f"/api/artefacts/{ada.ok('POST', f'{tree.path}/artefacts', {'title': 'Plan', 'text': 'x'})['id']}"
    for query, param in (
        (f"diff?from={TOO_LARGE}", "from"),
        (f"diff?from=1&to={TOO_LARGE}", "to"),
        ("diff?from=soon", "from"),
        (f"versions?newer_than={TOO_LARGE}", "newer_than"),
    ):
        assert ada.refused("GET", f"{path}/{query}")["param"] == param
    assert ada.refused("GET", f"{tree.path}/shadow?before={TOO_LARGE}")["param"] == "before"
    ada.refused("GET", f"{path}/diff?from={TOO_LARGE - 1}", status=404)
    assert ada.refused("GET", f"{path}/versions/{TOO_LARGE}")["param"] == "version"


def test_whoever_asks_for_an_unknown_zone_is_told_which_there_are(ada: Person, tree: Tree):
    error = ada.refused("PUT", f"{tree.path}/zones/tree", {"text": "x"})
    assert error["param"] == "name"
    for name in ("system_prompt", "personality", "discussion", "memory"):
        assert name in error["message"]
    assert "user, memory" in ada.refused("PUT", "/api/zones/tree", {"text": "x"})["message"]


def test_a_field_of_the_wrong_type_is_named_also_where_it_is_called_data(ada: Person, tree: Tree):
    assert ada.refused("POST", f"{tree.path}/images", {"data": 5})["param"] == "data"
    assert ada.refused("POST", f"{tree.path}/images", [])["param"] is None
    assert ada.refused("GET", f"{tree.path}/export?format=pdf")["param"] == "format"


def test_notes_that_grow_too_long_are_not_called_a_zone(ada: Person, tree: Tree):
    ada.ok("PUT", f"{tree.path}/scratchpad", {"text": "x" * 200_000})
    assert "zone" not in ada.refused("POST", f"{tree.path}/scratchpad", {"text": "more"})["message"]


def test_a_tree_that_is_deleted_behind_its_last_turn_is_no_error_in_the_log(
    house: House, ada: Person, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            gone = ada.tree()
            ada.ok("POST", f"{gone.path}/chat", {"content": "Hello", "model": "mirror"})
            ada.ok("DELETE", gone.path)
        house.settle()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_a_window_that_holds_the_new_turn_alone_is_told_everything_before_in_short(house: House, ada: Person):
    small = ada.tree(max_context_tokens=600)
    ada.ok("PUT", "/api/zones/user", {"text": "I bake with rye."})
    said = []
    for number in range(6):
        words = f"Turn {number}: " + " ".join(f"w{word}" for word in range(60))
        said.append(ada.ok("POST", f"{small.path}/chat", {"content": words, "model": "mirror"})["ai_message"]["id"])
        house.settle()
    receipt = ada.get(f"/api/nodes/{said[-1]}/receipt")["receipt"]
    assert [part["messages"] for part in receipt["parts"] if part["kind"] == "turn"] == [1]
    assert [part for part in receipt["parts"] if part["kind"] == "history"] == []
    assert (receipt["left_out"], receipt["summarised"]) == (
        2,
        8,
    )  # the newest exchange is told in short behind this reply
