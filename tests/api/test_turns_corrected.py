"""Turns regenerated, moved, undone and answered again. The offline model tells which earlier turns it was sent."""

import pytest

from tests.api.house import Person, Tree, texts

BOATS = ("How deep is the harbour for our boats?", "Five metres at low tide.")
BREAD = ("How long does the sourdough bread bake?", "Forty minutes.")


@pytest.fixture
def grown(tree: Tree) -> tuple[str, str]:
    """Two topics, added by hand; the last node of each."""
    return tree.branch(*BOATS)[1], tree.branch(*BREAD)[1]


def ask(person: Person, text: str, under: str = "root") -> tuple[str, str]:
    """A turn put somewhere; its node and its reply."""
    reply = person.say(text, x_graft_tree="travel", x_graft_parent=under)["x-graft-node"]
    return person.get(f"/api/nodes/{reply}")["parent_id"], reply


def children(person: Person, node: str) -> list[str]:
    return [child["id"] for child in person.get(f"/api/nodes/{node}/children")["data"]]


def test_another_reply_stands_beside_the_first(ada: Person, tree: Tree, grown: tuple[str, str]):
    turn, reply = ask(ada, "And at noon?", grown[0])
    before = ada.get(f"/api/nodes/{reply}")
    answer = ada.send("POST", f"/api/nodes/{reply}/regenerate")
    new = answer.json()
    assert answer.headers["x-graft-node"] == new["id"] != reply
    assert answer.headers["x-graft-tree"] == "travel"
    assert (new["parent_id"], new["state"], new["role"]) == (turn, "whole", "assistant")
    assert BOATS[0].split(" for")[0] in new["content"]
    assert children(ada, turn) == [reply, new["id"]]
    assert ada.get(f"/api/nodes/{reply}") == before
    assert ada.get(f"{tree.path}/active")["node_id"] == new["id"]


def test_a_turn_may_be_named_in_place_of_its_reply(ada: Person, tree: Tree):
    turn, reply = ask(ada, "Boats?")
    new = ada.ok("POST", f"/api/nodes/{turn}/regenerate")
    assert children(ada, turn) == [reply, new["id"]]


def test_a_message_added_by_hand_is_answered_by_the_model_that_is_named(ada: Person, tree: Tree, grown):
    turn = tree.add("And at noon?", under=grown[1])
    error = ada.refused("POST", f"/api/nodes/{turn}/regenerate")
    assert error["param"] == "model"
    assert ada.refused("POST", f"/api/nodes/{turn}/regenerate", {"model": "nope"}, status=404)["param"] == "model"
    reply = ada.ok("POST", f"/api/nodes/{turn}/regenerate", {"model": "mirror"})
    assert reply["parent_id"] == turn
    assert "sourdough" in reply["content"]
    assert ada.get(f"/api/nodes/{reply['id']}/receipt")["model"] == "mirror"


def test_only_what_was_asked_can_be_answered(ada: Person, tree: Tree):
    greeting = tree.add("Welcome!", role="assistant")
    system = tree.add("Be brief.", role="system")
    for node in (greeting, system):
        ada.refused("POST", f"/api/nodes/{node}/regenerate", {"model": "mirror"})


def test_a_reply_after_tools_is_asked_again_behind_their_results(ada: Person, tree: Tree):
    call = {"id": "c1", "type": "function", "function": {"name": "depth", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "How deep?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "5 m", "tool_call_id": "c1"},
        {"role": "assistant", "content": "Five metres."},
    ]
    added = ada.ok("POST", f"{tree.path}/branches", {"parent_id": None, "messages": messages})["data"]
    new = ada.ok("POST", f"/api/nodes/{added[3]['id']}/regenerate", {"model": "mirror"})
    assert new["parent_id"] == added[2]["id"]
    assert "3 messages (1 user, 1 assistant, 1 tool)" in new["content"]


def test_a_moved_node_takes_all_below_it_along(ada: Person, tree: Tree, grown):
    one, two, three, four = tree.branch("One", "Two", "Three", "Four")
    moved = ada.ok("POST", f"/api/nodes/{three}/move", {"parent_id": grown[0]})
    assert (moved["node"]["id"], moved["node"]["parent_id"], moved["from_parent_id"]) == (three, grown[0], two)
    assert (moved["reply"], moved["superseded"]) == (None, [])
    assert texts(ada.get(f"/api/nodes/{four}/path")) == [*BOATS, "Three", "Four"]
    assert children(ada, two) == []
    ada.ok("POST", f"/api/nodes/{three}/move", {"parent_id": "root"})
    assert ada.get(f"/api/nodes/{three}")["parent_id"] is None
    assert one in tree.edges()


def test_a_move_is_kept_with_its_reason(ada: Person, tree: Tree, grown):
    turn, reply = ask(ada, "And at noon?", grown[0])
    ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": grown[1], "why": "about bread"})
    moves = ada.get(f"/api/nodes/{reply}/route")["moves"]
    assert [(move["from_parent_id"], move["to_parent_id"], move["why"]) for move in moves] == [
        (grown[0], grown[1], "about bread")
    ]


@pytest.mark.parametrize("answer_again", [False, True])
def test_a_node_never_hangs_under_itself(ada: Person, tree: Tree, answer_again: bool):
    one, two, three, four = tree.branch("One", "Two", "Three", "Four")
    before = tree.edges()
    more = {"answer_again": True, "model": "mirror"} if answer_again else {}
    for under in (one, two, three, four):
        error = ada.refused("POST", f"/api/nodes/{one}/move", {"parent_id": under, **more})
        assert error["param"] == "parent_id"
    assert tree.edges() == before


def test_a_node_never_leaves_its_tree(ada: Person, tree: Tree):
    here, there = tree.add("Here"), ada.tree(name="work").add("There")
    for more in ({}, {"answer_again": True, "model": "mirror"}):
        assert (
            there in ada.refused("POST", f"/api/nodes/{here}/move", {"parent_id": there, **more}, status=404)["message"]
        )
    assert tree.edges() == {here: None}


def test_a_moved_turn_is_answered_again_from_its_new_context(ada: Person, tree: Tree, grown):
    boats, bread = grown
    turn, wrong = ask(ada, "And at noon?", boats)
    assert "harbour" in ada.get(f"/api/nodes/{wrong}")["content"]
    answer = ada.send("POST", f"/api/nodes/{turn}/move", {"parent_id": bread, "answer_again": True})
    moved = answer.json()
    new = moved["reply"]
    assert (moved["node"]["id"], moved["node"]["parent_id"], moved["from_parent_id"]) == (turn, bread, boats)
    assert moved["superseded"] == [wrong]
    assert (new["parent_id"], new["state"]) == (turn, "whole")
    assert "sourdough" in new["content"]
    assert "harbour" not in new["content"]
    assert "And at noon?" in new["content"]
    assert children(ada, turn) == [wrong, new["id"]]
    kept = ada.get(f"/api/nodes/{wrong}")
    assert kept["metadata"]["graft"] == {"superseded_by": new["id"]}
    assert "harbour" in kept["content"]
    assert "graft" not in ada.get(f"/api/nodes/{new['id']}")["metadata"]
    assert answer.headers["x-graft-node"] == new["id"]
    assert answer.headers["x-graft-parent"] == bread


def test_the_reply_may_be_named_when_its_turn_is_moved_and_answered(ada: Person, tree: Tree, grown):
    turn, wrong = ask(ada, "And at noon?", grown[0])
    moved = ada.ok("POST", f"/api/nodes/{wrong}/move", {"parent_id": grown[1], "answer_again": True})
    assert (moved["node"]["id"], moved["reply"]["parent_id"]) == (turn, turn)


def test_what_was_said_after_the_turn_moves_with_it(ada: Person, tree: Tree, grown):
    turn, wrong = ask(ada, "And at noon?", grown[0])
    later, _ = ask(ada, "And at night?", wrong)
    ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": grown[1], "answer_again": True})
    assert texts(ada.get(f"/api/nodes/{later}/path"))[:3] == [*BREAD, "And at noon?"]


def test_a_client_goes_on_from_the_old_reply_and_from_the_new_one(ada: Person, tree: Tree, grown):
    text = "And what about noon, when the sun is high and all the shops are closed?"
    turn, wrong = ask(ada, text, grown[0])
    moved = ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": grown[1], "answer_again": True})
    for reply in (ada.get(f"/api/nodes/{wrong}"), moved["reply"]):
        told = ada.say(text, reply["content"], "Why?", x_graft_tree="travel", x_graft_route="follow")
        assert told["x-graft-parent"] == reply["id"]
    assert len(tree.edges()) == 11


def test_a_second_correction_marks_every_reply_before(ada: Person, tree: Tree, grown):
    turn, first = ask(ada, "And at noon?", grown[0])
    second = ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": grown[1], "answer_again": True})["reply"]["id"]
    ada.ok("PATCH", f"/api/nodes/{first}", {"labels": ["wrong"], "metadata": {"stars": 1}})
    moved = ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": "root", "answer_again": True})
    third = moved["reply"]["id"]
    assert moved["superseded"] == [first, second]
    marked = ada.get(f"/api/nodes/{first}")
    assert (marked["labels"], marked["metadata"]["stars"]) == (["wrong"], 1)
    for node in (first, second):
        assert ada.get(f"/api/nodes/{node}")["metadata"]["graft"]["superseded_by"] == third
    assert "no earlier turns" in moved["reply"]["content"]


def test_zones_and_the_system_text_of_the_turn_are_sent_again(ada: Person, tree: Tree):
    ada.ok("PUT", f"{tree.path}/zones/discussion", {"text": "We bake on Sundays."})
    messages = [{"role": "system", "content": "You are a baker."}, {"role": "user", "content": "How hot?"}]
    body = {"model": "mirror", "messages": messages}
    reply = ada.send("POST", "/v1/chat/completions", body, x_graft_tree="travel").headers["x-graft-node"]
    new = ada.ok("POST", f"/api/nodes/{reply}/regenerate")
    assert new["content"] == ada.get(f"/api/nodes/{reply}")["content"]
    assert "You are a baker." in new["content"]
    assert "We bake on Sundays." in new["content"]


def test_options_are_passed_on_and_checked(ada: Person, tree: Tree):
    _, reply = ask(ada, "Boats?")
    path = f"/api/nodes/{reply}/regenerate"
    ada.ok("POST", path, {"options": {"temperature": 0.5, "max_tokens": 50}})
    for taken in ("model", "messages", "stream"):
        assert ada.refused("POST", path, {"options": {taken: "x"}})["param"] == f"options.{taken}"
    assert ada.refused("POST", path, {"options": 7})["param"] == "options"
    assert len(tree.edges()) == 3


def test_what_belongs_to_an_answer_is_refused_where_none_is_asked_for(ada: Person, tree: Tree):
    one, other = tree.add("One"), tree.add("Other")
    for name, value in (("stream", True), ("model", "mirror"), ("options", {"seed": 1})):
        error = ada.refused("POST", f"/api/nodes/{one}/move", {"parent_id": other, name: value})
        assert error["param"] == name
    assert tree.edges() == {one: None, other: None}


def test_a_refused_question_moves_nothing(ada: Person, tree: Tree, grown):
    turn, _ = ask(ada, "And at noon?", grown[0])
    body = {"parent_id": grown[1], "answer_again": True, "model": "nope"}
    ada.refused("POST", f"/api/nodes/{turn}/move", body, status=404)
    assert ada.get(f"/api/nodes/{turn}")["parent_id"] == grown[0]


class TestUndo:
    """Where a turn goes when its placement is undone."""

    def test_a_moved_turn_goes_back_and_forth(self, ada: Person, tree: Tree, grown):
        turn, reply = ask(ada, "And at noon?", grown[0])
        ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": grown[1]})
        for expected in (grown[0], grown[1], grown[0]):
            undone = ada.ok("POST", f"/api/nodes/{reply}/undo")
            assert (undone["node"]["id"], undone["node"]["parent_id"]) == (turn, expected)

    def test_a_placed_turn_goes_behind_what_its_client_had_sent(self, ada: Person, tree: Tree):
        boats = ada.say(BOATS[0], x_graft_tree="travel")["x-graft-node"]
        bread = ada.say(BREAD[0], x_graft_tree="travel", x_graft_parent="root")["x-graft-node"]
        reply = ada.get(f"/api/nodes/{boats}")["content"]
        told = ada.say(BOATS[0], reply, "And the crust?", x_graft_tree="travel", x_graft_parent=bread)
        assert told["x-graft-parent"] == bread
        undone = ada.ok("POST", f"/api/nodes/{told['x-graft-node']}/undo", {"answer_again": True})
        assert undone["node"]["parent_id"] == boats
        assert "How deep is the harbour" in undone["reply"]["content"]
        assert undone["superseded"] == [told["x-graft-node"]]

    def test_a_turn_without_a_history_goes_to_the_root(self, ada: Person, tree: Tree, grown):
        turn, reply = ask(ada, "And at noon?", grown[0])
        undone = ada.ok("POST", f"/api/nodes/{reply}/undo")
        assert (undone["node"]["id"], undone["node"]["parent_id"]) == (turn, None)

    def test_a_new_topic_goes_back_to_the_branch_that_was_active(self, ada: Person, tree: Tree, grown):
        ada.ok("PUT", f"{tree.path}/active", {"node_id": grown[0]})
        told = ada.say("New question: which pan is best for frying eggs?", x_graft_tree="travel")
        assert told["x-graft-route"] == "root"
        assert ada.ok("POST", f"/api/nodes/{told['x-graft-node']}/undo")["node"]["parent_id"] == grown[0]

    def test_where_nothing_was_placed_there_is_nothing_to_undo(self, ada: Person, tree: Tree):
        _, reply = ask(ada, "Boats?")
        assert "nothing to undo" in ada.refused("POST", f"/api/nodes/{reply}/undo")["message"]
        follow = ada.say(
            "Boats?", ada.get(f"/api/nodes/{reply}")["content"], "Why?", x_graft_tree="travel", x_graft_route="follow"
        )
        assert "nothing to undo" in ada.refused("POST", f"/api/nodes/{follow['x-graft-node']}/undo")["message"]

    def test_a_place_that_was_deleted_is_no_way_back(self, ada: Person, tree: Tree, grown):
        turn, _ = ask(ada, "And at noon?", grown[0])
        ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": grown[1]})
        ada.ok("DELETE", f"/api/nodes/{grown[0]}")
        assert "deleted" in ada.refused("POST", f"/api/nodes/{turn}/undo")["message"]
        assert ada.get(f"/api/nodes/{turn}")["parent_id"] == grown[1]

    def test_two_messages_of_one_turn_go_together(self, ada: Person, tree: Tree, grown):
        messages = [{"role": "user", "content": "One thing:"}, {"role": "user", "content": "and at noon?"}]
        body = {"model": "mirror", "messages": messages}
        answer = ada.send("POST", "/v1/chat/completions", body, x_graft_tree="travel", x_graft_parent=grown[0])
        second = ada.get(f"/api/nodes/{answer.headers['x-graft-node']}")["parent_id"]
        first = ada.get(f"/api/nodes/{second}")["parent_id"]
        for node in (first, second, answer.headers["x-graft-node"]):
            moved = ada.ok("POST", f"/api/nodes/{node}/move", {"parent_id": grown[1], "answer_again": True})
            assert (moved["node"]["id"], moved["reply"]["parent_id"]) == (first, second)
            assert "sourdough" in moved["reply"]["content"]


def test_corrections_are_kept_as_labelled_examples(ada: Person, tree: Tree, grown):
    turn, _ = ask(ada, "And at noon?", grown[0])
    ada.ok("POST", f"/api/nodes/{turn}/move", {"parent_id": grown[1], "answer_again": True})
    ada.ok("POST", f"/api/nodes/{turn}/undo")
    kept = ada.house.ask(lambda store: store.corrections(ada.user))
    assert [(one.node_id, one.from_parent, one.to_parent, one.source) for one in kept] == [
        (turn, grown[0], grown[1], "move"),
        (turn, grown[1], grown[0], "undo"),
    ]


def test_the_store_is_sound_after_all_of_this(house):
    assert house.ask(lambda store: store.verify()) == []
