"""A turn said and answered in one call, and what an agent keeps beside its replies."""

import pytest

from tests.api.house import House, Person, Tree, texts


def talk(person: Person, tree: Tree, text: str, **fields):
    return person.ok("POST", f"{tree.path}/chat", {"content": text, "model": "mirror", **fields})


def test_both_messages_come_back_and_the_next_turn_goes_on_from_them(ada: Person, tree: Tree):
    first = talk(ada, tree, "How deep is the lock?", sender="Ada")
    assert first["user_message"]["parent_id"] is None
    assert (first["user_message"]["content"], first["user_message"]["sender"]) == ("How deep is the lock?", "Ada")
    assert first["ai_message"]["parent_id"] == first["user_message"]["id"]
    assert first["text"] == first["ai_message"]["content"]
    second = ada.ok("POST", f"{tree.path}/chat", {"content": "And how long?"})
    assert second["user_message"]["parent_id"] == first["ai_message"]["id"]
    assert '"How deep is the lock?"' in second["text"]


def test_the_sender_is_not_told_to_the_model(ada: Person, tree: Tree):
    said = talk(ada, tree, "How deep is it?", sender="Zebulon")
    assert "name" not in said["user_message"]["extra"]


def test_a_turn_goes_where_its_parent_says(ada: Person, tree: Tree):
    first = talk(ada, tree, "How deep is the lock?")
    talk(ada, tree, "And how long?")
    beside = talk(ada, tree, "And how wide?", parent_id=first["ai_message"]["id"])
    assert beside["user_message"]["parent_id"] == first["ai_message"]["id"]
    assert talk(ada, tree, "Another topic: bread.", parent_id="root")["user_message"]["parent_id"] is None
    assert talk(ada, tree, "And rolls?", parent_id=None)["user_message"]["parent_id"] is None


def test_the_router_places_a_turn_that_asks_for_it(ada: Person, tree: Tree):
    locks = talk(ada, tree, "How deep is the lock at the canal in Panama?", parent_id="root")
    talk(ada, tree, "How do I feed a sourdough starter?", parent_id="root")
    back = talk(ada, tree, "Back to the lock at the canal in Panama: how deep is the lock?", placed=True)
    assert back["route"] == "return"
    assert back["user_message"]["parent_id"] == locks["ai_message"]["id"]


def test_results_of_tools_are_turns_under_the_reply_that_called(ada: Person, tree: Tree):
    called = {"id": "call_1", "type": "function", "function": {"name": "depth", "arguments": "{}"}}
    asked = tree.add("How deep is it?")
    reply = tree.add("", under=asked, role="assistant", tool_calls=[called])
    results = [{"role": "tool", "tool_call_id": "call_1", "content": "5 m"}]
    told = ada.ok("POST", f"{tree.path}/chat", {"messages": results, "parent_id": reply, "model": "mirror"})
    assert told["user_message"]["role"] == "tool"
    assert told["user_message"]["parent_id"] == reply
    assert "5 m" in told["text"]
    assert texts(ada.get(f"/api/nodes/{told['ai_message']['id']}/path"))[:3] == ["How deep is it?", "", "5 m"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "either"),
        ({"content": "Hm?", "messages": [{"role": "user", "content": "Hm?"}]}, "either"),
        ({"content": "Hm?", "placed": True, "parent_id": "root"}, "not placed"),
        ({"content": "Hm?", "options": {"messages": []}}, "no option"),
        ({"content": "Hm?", "model": "unheard-of"}, "unheard-of"),
        ({"content": 5}, "content"),
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_is_stored(ada: Person, tree: Tree, fields, says: str):
    answer = ada.send("POST", f"{tree.path}/chat", fields)
    assert answer.status_code in (400, 404)
    assert says in answer.json()["error"]["message"]
    assert tree.edges() == {}


def test_a_parent_in_another_tree_is_unknown(ada: Person, tree: Tree, house: House):
    elsewhere = ada.tree(name="elsewhere").add("Hm?")
    ada.refused("POST", f"{tree.path}/chat", {"content": "Hm?", "parent_id": elsewhere}, status=404)
    house.person().refused("POST", f"{tree.path}/chat", {"content": "Hm?"}, status=404)


def test_a_stream_names_the_reply_before_its_first_word(ada: Person, tree: Tree):
    answer = ada.send("POST", f"{tree.path}/chat", {"content": "How deep is it?", "model": "mirror", "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.rstrip().endswith("data: [DONE]")
    assert ada.get(f"/api/nodes/{answer.headers['x-graft-node']}")["role"] == "assistant"


def test_a_command_is_answered_and_not_stored(ada: Person, tree: Tree):
    told = talk(ada, tree, "/graft where")
    assert (told["user_message"], told["ai_message"], told["route"]) == (None, None, "aside")
    assert told["text"]


def test_sources_and_notes_of_an_agent_stay_with_its_reply(ada: Person, tree: Tree, house: House):
    pages = [{"title": "Locks", "page": 3}]
    reply = tree.add("Five metres.", role="assistant", sources=pages, scratchpad="Looked it up.")
    told = ada.get(f"/api/nodes/{reply}")
    assert (told["sources"], told["scratchpad"]) == (pages, "Looked it up.")
    changed = ada.ok("PATCH", f"/api/nodes/{reply}", {"sources": [{"url": "https://e.example"}], "scratchpad": ""})
    assert (changed["sources"], changed["scratchpad"]) == ([{"url": "https://e.example"}], None)
    assert ada.ok("PATCH", f"/api/nodes/{reply}", {"labels": ["keep"]})["sources"] == [{"url": "https://e.example"}]
    headers = {**ada.headers, "content-type": "application/json"}
    file = house.client.get(f"{tree.path}/export", headers=headers).content
    copy = house.client.post("/api/trees/import?tree=copy", content=file, headers=headers).json()["tree"]["id"]
    assert ada.get(f"/api/trees/{copy}/children")["data"][0]["sources"] == [{"url": "https://e.example"}]


def test_what_a_model_cites_is_among_the_sources(ada: Person, tree: Tree):
    cites = [{"type": "url_citation", "url_citation": {"title": "Locks", "url": "https://e.example", "start_index": 1}}]
    headers = {**ada.headers, "content-type": "application/json"}
    messages = [{"role": "user", "content": "Deep?"}, {"role": "assistant", "content": "5 m.", "annotations": cites}]
    client = ada.house.client
    copy = client.post("/api/trees/import?tree=cited", json=messages, headers=headers).json()["tree"]["id"]
    [question] = ada.get(f"/api/trees/{copy}/children")["data"]
    [reply] = ada.get(f"/api/nodes/{question['id']}/children")["data"]
    assert reply["sources"] == [{"title": "Locks", "url": "https://e.example"}]


def test_too_many_sources_are_refused(ada: Person, tree: Tree):
    reply = tree.add("Five metres.", role="assistant")
    assert ada.refused("PATCH", f"/api/nodes/{reply}", {"sources": [{"text": "x" * 70_000}]})["param"] == "sources"
