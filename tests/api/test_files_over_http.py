"""Trees as files over HTTP: exported as they are, imported whole or not at all."""

import json
from typing import Any

import pytest

from tests.api.house import House, Person, Tree, open_house
from tests.doubles.pictures import PNG

FORMS = {
    "native": "application/json",
    "notebook": "application/json",
    "openai_chat": "application/json",
    "markdown": "text/markdown; charset=utf-8",
}


def taken(person: Person, path: str) -> bytes:
    answer = person.send("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.content


def given(person: Person, content: bytes | str, query: str = "", **headers: str) -> Any:
    told = {"content-type": "application/json", **person.headers, **headers}
    return person.house.client.post(f"/api/trees/import{query}", content=content, headers=told)


def ids(document: bytes) -> list[str]:
    return [node["id"] for node in json.loads(document)["nodes"]]


def test_a_tree_goes_from_one_person_to_another(ada: Person, tree: Tree, house: House):
    first, _ = tree.branch("How do locks work?", "With water.")
    tree.branch("And weirs?", "They spill.", under=first)
    ada.ok("PATCH", f"/api/nodes/{first}", {"labels": ["water"], "metadata": {"mood": "calm"}})
    ada.ok("PUT", f"{tree.path}/zones/discussion", {"text": "We travel by boat."})
    kept = taken(ada, f"{tree.path}/export")
    bob = house.person()
    answer = given(bob, kept)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["object"], told["is_new"], told["added"], told["known"]) == ("import", True, 4, 0)
    assert told["tree"]["name"] == "travel"
    copied = taken(bob, f"/api/trees/{told['tree']['id']}/export")
    number = dict(zip(ids(kept), ids(copied), strict=True))
    for old, new in {**number, tree.id: told["tree"]["id"]}.items():
        copied = copied.replace(new.encode(), old.encode())
    assert copied == kept
    assert bob.get(f"/api/nodes/{number[first]}")["labels"] == ["water"]
    assert house.ask(lambda store: store.verify()) == []


def test_what_is_kept_beside_messages_goes_along(ada: Person, tree: Tree, house: House):
    first, second = tree.branch("How do locks work?", "With water.")
    plan = ada.ok("POST", f"{tree.path}/artefacts", {"title": "plan", "text": "Lock one"})
    ada.ok("POST", f"/api/artefacts/{plan['id']}/load", {"node_id": first})
    ada.ok("POST", "/api/memories", {"title": "Locks", "tree_id": tree.id, "node_ids": [first, second]})
    ada.ok("POST", f"{tree.path}/images", {"data": PNG})
    bob = house.person()
    told = given(bob, taken(ada, f"{tree.path}/export")).json()
    assert told["beside"] == {"artefacts": 1, "versions": 1, "memories": 1, "images": 1}
    assert told["kept_personalities"] == []
    path = f"/api/trees/{told['tree']['id']}"
    nodes = ids(taken(bob, f"{path}/export"))
    [copied] = bob.get(f"{path}/artefacts")["data"]
    assert [load["node_id"] for load in copied["loads"]] == [nodes[0]]
    assert bob.get(f"/api/artefacts/{copied['id']}/versions/1")["text"] == "Lock one"
    assert bob.get("/api/memories")["data"][0]["node_ids"] == nodes
    assert [image["active"] for image in bob.get(f"{path}/images")["data"]] == [True]
    assert house.ask(lambda store: store.verify()) == []


def test_a_deleted_tree_comes_back_byte_for_byte_but_for_its_ids(ada: Person, tree: Tree):
    tree.branch("How do locks work?", "With water.")
    kept = taken(ada, f"{tree.path}/export")
    ada.ok("DELETE", tree.path)
    told = given(ada, kept).json()
    again = taken(ada, f"/api/trees/{told['tree']['id']}/export")
    number = dict(zip(ids(kept), ids(again), strict=True))
    assert not set(number) & set(number.values())
    for old, new in {**number, tree.id: told["tree"]["id"]}.items():
        again = again.replace(new.encode(), old.encode())
    assert again == kept


def test_without_keys_a_tree_comes_back_with_the_ids_of_the_file(ada: Person, tree: Tree):
    tree.branch("How do locks work?", "With water.")
    kept = taken(ada, f"{tree.path}/export")
    with open_house() as keyless:
        told = keyless.client.post("/api/trees/import", content=kept, headers={"content-type": "application/json"})
        assert told.json()["tree"]["id"] == tree.id
        assert keyless.client.get(f"{tree.path}/export").content == kept


@pytest.mark.parametrize(("form", "media"), FORMS.items())
def test_every_format_is_served_as_a_file(ada: Person, tree: Tree, form: str, media: str):
    tree.branch("How do locks work?", "With water.")
    answer = ada.send("GET", f"{tree.path}/export?format={form}")
    assert answer.headers["content-type"].replace(" ", "") == media.replace(" ", "")
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''travel.")
    assert "How do locks work?" in answer.text
    if form != "markdown":
        told = given(ada, answer.content, f"?tree=copy of {form}").json()
        assert told["added"] == 2


def test_a_name_of_any_letters_stands_in_the_header(ada: Person):
    tree = ada.tree(name='Reise "Süd"\r\nX: 1')
    answer = ada.send("GET", f"{tree.path}/export")
    assert answer.headers["content-disposition"].endswith("Reise%20%22S%C3%BCd%22%0D%0AX%3A%201.graft.json")


def test_a_branch_is_exported_alone(ada: Person, tree: Tree):
    first, _ = tree.branch("How do locks work?", "With water.")
    tree.branch("What is a roux?", "Flour.")
    assert ids(taken(ada, f"{tree.path}/export?node_id={first}")) == [first]
    chat = json.loads(taken(ada, f"{tree.path}/export?format=openai_chat"))
    assert [message["content"] for message in chat] == ["What is a roux?", "Flour."]


def test_a_chat_is_hung_under_a_node(ada: Person, tree: Tree):
    _, answered = tree.branch("How do locks work?", "With water.")
    chat = [{"role": "user", "content": "And weirs?"}, {"role": "assistant", "content": "They spill."}]
    told = given(ada, json.dumps(chat), f"?parent_id={answered}").json()
    assert told["tree"]["id"] == tree.id
    parents = list(tree.edges().values())
    assert parents[2] == answered


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_stored(ada: Person, tree: Tree):
    tree.branch("How do locks work?", "With water.")
    kept = taken(ada, f"{tree.path}/export")
    before = ada.get("/api/trees")
    for broken, place in (
        (kept.replace(b'"role":"assistant"', b'"role":"robot"'), "line 8.message.role"),
        (kept[:-40], "line 8"),
        (b"{}", None),
    ):
        answer = given(ada, broken, "?tree=other")
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == place
        assert "nothing was changed" in answer.json()["error"]["message"]
    assert ada.get("/api/trees") == before


def test_another_persons_tree_and_nodes_are_unknown(ada: Person, tree: Tree, house: House):
    first, answered = tree.branch("How do locks work?", "With water.")
    bob = house.person()
    own = bob.tree(name="own")
    chat = json.dumps([{"role": "user", "content": "And weirs?"}])
    for path in (f"{tree.path}/export", f"{own.path}/export?node_id={first}"):
        assert bob.refused("GET", path, status=404)["code"] == "not_found"
    assert given(bob, chat, f"?parent_id={answered}").status_code == 404
    assert own.edges() == {}


def test_unknown_formats_and_forms_are_refused(ada: Person, tree: Tree):
    assert ada.send("GET", f"{tree.path}/export?format=pdf").status_code == 400
    assert given(ada, "[]", "?format=markdown").status_code == 400
    assert given(ada, "[]", **{"content-type": "text/plain"}).status_code == 400
    assert given(ada, "[]", authorization="Bearer nobody").status_code == 401


def test_the_document_describes_both(house: House):
    paths = house.client.get("/api/docs/openapi.json").json()["paths"]
    body = paths["/api/trees/import"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"]["branches"]
    assert {p["name"] for p in paths["/api/trees/{tree_id}/export"]["get"]["parameters"]} >= {"format", "node_id"}
