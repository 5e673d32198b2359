"""Personalities over HTTP: made, changed, deleted; attached to trees; named by requests; a wall."""

import pytest

from tests.api.house import Person, Tree

TUTOR = {
    "name": "tutor",
    "system_prompt": "You teach physics.",
    "zone": "Ask back before you explain.",
    "metadata": {"title": "The tutor", "icon": "owl"},
}


@pytest.fixture
def tutor(ada: Person) -> str:
    return str(ada.ok("POST", "/api/personalities", TUTOR)["name"])


def sent(person: Person, *history: str, **headers: str) -> str:
    """What the offline model tells of what it was sent."""
    node = person.say(*history, **headers)["x-graft-node"]
    return str(person.get(f"/api/nodes/{node}")["content"])


def test_a_personality_is_made_changed_and_deleted(ada: Person, tutor: str):
    path = f"/api/personalities/{tutor}"
    made = ada.get(path)
    assert {field: made[field] for field in TUTOR} == TUTOR
    changed = ada.ok("PATCH", path, {"zone": "Explain at once.", "metadata": {"icon": None, "age": 7}})
    assert (changed["zone"], changed["system_prompt"]) == ("Explain at once.", "You teach physics.")
    assert changed["metadata"] == {"title": "The tutor", "age": 7}
    assert ada.ok("PATCH", path, {"system_prompt": None})["system_prompt"] is None
    ada.ok("POST", "/api/personalities", {"name": "guide"})
    assert [one["name"] for one in ada.get("/api/personalities")["data"]] == ["guide", "tutor"]
    assert ada.ok("DELETE", path)["deleted"]
    assert ada.refused("GET", path, status=404)["code"] == "personality_not_found"
    assert [one["name"] for one in ada.get("/api/personalities")["data"]] == ["guide"]


def test_names_are_unique_and_fit_into_a_header(ada: Person, tutor: str):
    assert ada.refused("POST", "/api/personalities", {"name": tutor})["code"] == "name_taken"
    for name in ("", "two words", "a@b", "a:b", "-a", "a/b", "\u00fcber", "x" * 101):
        assert ada.refused("POST", "/api/personalities", {"name": name})["param"] == "name"
    assert ada.refused("PATCH", f"/api/personalities/{tutor}", {"name": "other"})["param"] == "name"
    for method in ("PATCH", "DELETE"):
        assert ada.refused(method, "/api/personalities/nobody", {}, status=404)["param"] == "personality"


def test_a_trees_personality_speaks_where_a_request_names_none(ada: Person, tree: Tree, tutor: str):
    assert ada.get(tree.path)["personality"] is None
    assert ada.ok("PATCH", tree.path, {"personality": tutor})["personality"] == tutor
    told = sent(ada, "Boats?", x_graft_tree="travel")
    assert "You teach physics." in told
    assert "Ask back" in told
    ada.ok("PATCH", tree.path, {"personality": None})
    assert "Ask back" not in sent(ada, "Planes?", x_graft_tree="travel", x_graft_parent="root")


def test_a_tree_without_its_personality_is_a_tree_again(ada: Person, tutor: str):
    made = ada.ok("POST", "/api/trees", {"name": "school", "personality": tutor})
    assert made["personality"] == tutor
    ada.ok("DELETE", f"/api/personalities/{tutor}")
    assert ada.get(f"/api/trees/{made['id']}")["personality"] is None
    assert "Ask back" not in sent(ada, "Boats?", x_graft_tree="school")
    assert ada.house.ask(lambda store: store.verify()) == []


def test_a_tree_takes_no_personality_that_is_not_there(ada: Person, tree: Tree):
    for method, path in (("PATCH", tree.path), ("POST", "/api/trees")):
        assert ada.refused(method, path, {"personality": "nobody"}, status=404)["param"] == "personality"
    assert ada.get(tree.path)["personality"] is None
    assert len(ada.get("/api/trees")["data"]) == 1


def test_a_request_names_a_personality_by_header_or_model(ada: Person, tree: Tree, tutor: str):
    assert "Ask back" in sent(ada, "Boats?", x_graft_personality=tutor)
    for model in ("mirror@tutor", "mirror@tutor:follow"):
        body = {"model": model, "messages": [{"role": "user", "content": f"Planes, {model}?"}]}
        answer = ada.ok("POST", "/v1/chat/completions", body)
        assert "Ask back" in answer["choices"][0]["message"]["content"]


def test_the_header_wins_over_the_models_name(ada: Person, tutor: str):
    ada.ok("POST", "/api/personalities", {"name": "guide", "zone": "Show the way."})
    body = {"model": "mirror@tutor", "messages": [{"role": "user", "content": "Where to?"}]}
    told = ada.ok("POST", "/v1/chat/completions", body, x_graft_personality="guide")
    assert "Show the way." in told["choices"][0]["message"]["content"]
    assert "Ask back" not in told["choices"][0]["message"]["content"]


def test_an_unknown_personality_is_refused_and_nothing_is_stored(ada: Person, tree: Tree):
    body = {"model": "mirror", "messages": [{"role": "user", "content": "Boats?"}]}
    named = {**body, "model": "mirror@nobody"}
    assert ada.refused("POST", "/v1/chat/completions", named, status=404)["code"] == "personality_not_found"
    refused = ada.refused("POST", "/v1/chat/completions", body, status=404, x_graft_personality="nobody")
    assert refused["param"] == "personality"
    assert ada.refused("POST", "/v1/chat/completions", body, x_graft_personality=" ")["param"] == "X-Graft-Personality"
    for model in ("mirror@", "@tutor", "other@tutor"):
        asked = {**body, "model": model}
        assert ada.refused("POST", "/v1/chat/completions", asked, status=404)["code"] == "model_not_found"
    assert tree.edges() == {}


def test_its_prompt_gives_way_to_the_clients_and_its_zone_does_not(ada: Person, tree: Tree, tutor: str):
    messages = [{"role": "system", "content": "You sell boats."}, {"role": "user", "content": "Boats?"}]
    body = {"model": "mirror", "messages": messages}
    told = ada.ok("POST", "/v1/chat/completions", body, x_graft_personality=tutor)["choices"][0]["message"]["content"]
    assert "You sell boats." in told
    assert "You teach physics." not in told
    assert "Ask back" in told


def test_a_chat_that_stops_naming_its_personality_keeps_it(ada: Person, tree: Tree, tutor: str):
    first = ada.say("Boats?", x_graft_tree="travel", x_graft_personality=tutor)["x-graft-node"]
    reply = ada.get(f"/api/nodes/{first}")["content"]
    for route in ("auto", "follow"):
        told = sent(ada, "Boats?", reply, f"And then, {route}?", x_graft_route=route)
        assert "Ask back" in told
    again = ada.ok("POST", f"/api/nodes/{first}/regenerate")
    assert "Ask back" in again["content"]


def test_the_trees_own_zone_for_its_personality_is_not_for_others(ada: Person, tree: Tree, tutor: str):
    ada.ok("POST", "/api/personalities", {"name": "guide", "zone": "Show the way."})
    ada.ok("PATCH", tree.path, {"personality": tutor})
    ada.ok("PUT", f"{tree.path}/zones/personality", {"text": "You taught her rowing."})
    texts = {
        name: ada.get(f"{tree.path}/composed{query}")["text"]
        for name, query in {"own": "", "named": "?personality=tutor", "other": "?personality=guide"}.items()
    }
    assert texts["own"] == texts["named"]
    assert "You taught her rowing." in texts["own"]
    assert "You taught her rowing." not in texts["other"]
    assert "Show the way." in texts["other"]


def test_the_same_words_under_another_personality_are_another_turn(ada: Person, tree: Tree, tutor: str):
    ada.ok("POST", "/api/personalities", {"name": "guide"})
    parents = set()
    for named in ({}, {"x_graft_personality": tutor}, {"x_graft_personality": "guide"}, {"x_graft_personality": tutor}):
        node = ada.say("Boats?", x_graft_tree="travel", x_graft_parent="root", **named)["x-graft-node"]
        parents.add(ada.get(f"/api/nodes/{node}")["parent_id"])
    assert len(parents) == 3
    assert ada.house.ask(lambda store: store.verify()) == []


def test_what_was_said_under_another_personality_is_no_place_for_a_turn(ada: Person, tree: Tree, tutor: str):
    ada.ok("POST", "/api/personalities", {"name": "guide"})
    words = "How do tides move the boats in the harbour of Lisbon?"
    said_under: dict[str | None, str] = {}
    for name in ("", tutor, "guide"):
        named = {"x_graft_personality": name} if name else {}
        reply = ada.say(words, x_graft_tree="travel", x_graft_parent="root", **named)["x-graft-node"]
        said_under |= {reply: name, ada.get(f"/api/nodes/{reply}")["parent_id"]: name}
    for name in said_under.values():
        turn = {"messages": [{"role": "user", "content": f"{words} And at night?"}], "tree_id": tree.id}
        decided = ada.ok("POST", "/api/route", {**turn, **({"personality": name} if name else {})})["decision"]
        considered = {one["parent_id"] for one in decided["candidates"]} - {None}
        assert considered
        assert {said_under[node] for node in considered} == {name}
