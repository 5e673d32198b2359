"""What belongs to a whole tree: who speaks in it, a program's notes beside it, its twin, and its texts for readers."""

import pytest

from tests.api.house import House, Person, Tree, texts


@pytest.fixture
def play(ada: Person) -> Tree:
    told = {
        "name": "play",
        "title": "A play",
        "system_prompt": "Act.",
        "metadata": {"act": 1},
        "max_context_tokens": 4096,
    }
    return ada.tree(**told, participants={"Ada": "user", "Tutor": "assistant"})


def test_a_sender_that_the_tree_knows_needs_no_role(ada: Person, play: Tree):
    told = [{"sender": "Ada", "content": "Why?"}, {"sender": "Tutor", "content": "Because."}]
    added = ada.ok("POST", f"{play.path}/branches", {"parent_id": None, "messages": told})["data"]
    assert [(node["sender"], node["role"]) for node in added] == [("Ada", "user"), ("Tutor", "assistant")]
    said = {"parent_id": None, "sender": "Tutor", "role": "system", "content": "Curtain."}
    assert ada.ok("POST", f"{play.path}/nodes", said)["role"] == "system"


@pytest.mark.parametrize("sender", [{"sender": "Bob"}, {}])
def test_a_sender_that_the_tree_does_not_know_needs_one(ada: Person, play: Tree, sender: dict[str, str]):
    messages = [{"role": "user", "content": "Why?"}, {**sender, "content": "Hm."}]
    error = ada.refused("POST", f"{play.path}/branches", {"parent_id": None, "messages": messages})
    assert error["param"] == "messages[1].role"
    assert play.edges() == {}


def test_a_role_taken_from_the_participants_is_held_to_its_rules(ada: Person, play: Tree):
    error = ada.refused("POST", f"{play.path}/nodes", {"parent_id": None, "sender": "Ada", "content": None})
    assert error["param"] == "content"


def test_participants_change_one_by_one(ada: Person, play: Tree):
    changed = ada.ok("PATCH", play.path, {"participants": {"Tutor": None, "Bob": "user"}})
    assert changed["participants"] == {"Ada": "user", "Bob": "user"}
    assert ada.refused("PATCH", play.path, {"participants": {"Bob": "king"}})["param"] == "participants.Bob"


def test_notes_are_replaced_appended_to_and_cleared(ada: Person, play: Tree):
    path = f"{play.path}/scratchpad"
    assert ada.get(path) == {"object": "scratchpad", "tree_id": play.id, "text": ""}
    assert ada.ok("PUT", path, {"text": "one"})["text"] == "one"
    assert ada.ok("POST", path, {"text": "two"})["text"] == "one\ntwo"
    assert ada.refused("POST", path, {"text": "x" * 200_000})["param"] == "text"
    assert ada.get(path)["text"] == "one\ntwo"
    assert ada.ok("DELETE", path)["text"] == ""


def test_notes_are_never_sent_to_a_model(ada: Person, play: Tree):
    ada.ok("PUT", f"{play.path}/scratchpad", {"text": "xylophone"})
    node = ada.say("Why?", x_graft_tree="play")["x-graft-node"]
    assert "xylophone" not in ada.get(f"/api/nodes/{node}")["content"]


def test_a_twin_has_everything_but_the_messages(ada: Person, play: Tree):
    play.branch("Why?", "Because.")
    ada.ok("PUT", f"{play.path}/zones/discussion", {"text": "We rehearse."})
    ada.ok("PUT", f"{play.path}/scratchpad", {"text": "Act two."})
    twin = ada.ok("POST", f"{play.path}/clone", {"name": "again"})
    assert twin["id"] != play.id
    same = ("title", "system_prompt", "metadata", "max_context_tokens", "participants")
    assert {name: twin[name] for name in same} == {name: ada.get(play.path)[name] for name in same}
    path = f"/api/trees/{twin['id']}"
    assert texts(ada.get(f"{path}/children")) == []
    assert ada.get(f"{path}/zones/discussion")["text"] == "We rehearse."
    assert ada.get(f"{path}/scratchpad")["text"] == "Act two."
    ada.ok("PUT", f"{path}/zones/discussion", {"text": "Changed."})
    assert ada.get(f"{play.path}/zones/discussion")["text"] == "We rehearse."


def test_a_twin_has_the_artefacts_and_what_is_loaded(ada: Person, play: Tree):
    made = ada.ok("POST", f"{play.path}/artefacts", {"title": "Props", "text": "a skull"})
    ada.ok("POST", f"/api/artefacts/{made['id']}/versions", {"text": "a skull, a sword"})
    ada.ok("POST", f"/api/artefacts/{made['id']}/load", {"version": 1})
    learned = ada.ok("POST", "/api/memories", {"title": "Stage", "content": "The stage is small.", "tree_id": play.id})
    ada.ok("POST", f"/api/memories/{learned['id']}/load", {"tree_id": play.id})
    twin = ada.ok("POST", f"{play.path}/clone", {})["id"]
    [copy] = ada.get(f"/api/trees/{twin}/artefacts")["data"]
    assert (copy["title"], copy["versions"], copy["loads"][0]["version"]) == ("Props", 2, 1)
    assert copy["id"] != made["id"]
    sent = ada.get(f"/api/trees/{twin}/composed")["text"]
    assert "a skull" in sent
    assert "sword" not in sent
    assert "The stage is small." in sent
    ada.ok("DELETE", f"/api/artefacts/{made['id']}")
    assert "a skull" in ada.get(f"/api/trees/{twin}/composed")["text"]
    assert ada.house.ask(lambda store: store.verify()) == []


def test_a_twin_needs_a_name_of_its_own(ada: Person, play: Tree):
    assert ada.refused("POST", f"{play.path}/clone", {"name": "play"})["code"] == "name_taken"
    made = ada.ok("POST", f"{play.path}/clone", {})
    assert made["name"] == made["id"]


def test_a_tree_goes_out_as_headed_text_with_its_zones(ada: Person, play: Tree, house: House):
    ada.ok("PUT", f"{play.path}/zones/discussion", {"text": "We rehearse."})
    parts = [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "https://e.example/x.png"}}]
    first = play.add("Why?", sender="Ada")
    reply = play.add("<think>Hm, hm.</think>Because.", under=first, role="assistant")
    play.add("Beside it.", under=reply)
    tip = play.add(parts, under=reply)
    whole = house.client.get(f"{play.path}/export?format=lollms_text", headers=ada.headers)
    assert whole.headers["content-type"].startswith("text/plain")
    assert whole.text.split("!@>")[1:] == [
        "system:\nAct.\n\n-- discussion data zone --\nWe rehearse.\n\n",
        "Ada:\nWhy?\n\n",
        "assistant:\nBecause.\n\n",
        "user:\nBeside it.\n\n",
        "system:\n[Branch 2, from message 2 of branch 1]\n\n",
        "user:\nLook:\n\n*(image_url)*\n\n",
    ]
    branch = house.client.get(f"{play.path}/export?format=lollms_text&node_id={tip}", headers=ada.headers).text
    assert [piece.partition(":")[0] for piece in branch.split("!@>")[1:]] == ["system", "Ada", "assistant", "user"]


def test_who_speaks_and_the_notes_travel_with_the_file(ada: Person, play: Tree, house: House):
    ada.ok("PUT", f"{play.path}/scratchpad", {"text": "Act two."})
    play.branch("Why?", "Because.")
    file = house.client.get(f"{play.path}/export", headers=ada.headers).content
    bob = house.person()
    told = {**bob.headers, "content-type": "application/json"}
    answer = house.client.post("/api/trees/import", content=file, headers=told)
    copy = answer.json()["tree"]
    assert copy["participants"] == {"Ada": "user", "Tutor": "assistant"}
    assert bob.get(f"/api/trees/{copy['id']}/scratchpad")["text"] == "Act two."
