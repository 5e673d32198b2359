"""What is told about placement: a decision, a receipt, a preview that stores nothing, the shadow report."""

from typing import Any

import pytest

from proxy.domain.placement import Attachment, Candidate
from proxy.domain.tree import NodeId
from tests.api.house import House, Person, Tree

BOATS = ("How deep is the harbour for our boats?", "Five metres at low tide.")
BREAD = ("How long does the sourdough bread bake?", "Forty minutes.")


def everything(house: House) -> dict[str, list[Any]]:
    """All rows of the database, but for what follows from others in its own time: sums of tokens, and vectors."""
    tables = house.rows(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        " AND name NOT IN ('spending', 'vectors')"
    )
    return {name: house.rows(f"SELECT * FROM {name}") for (name,) in tables}


def test_a_placed_turn_tells_why_it_stands_where_it_stands(ada: Person, tree: Tree):
    tree.branch(*BOATS)
    bread = tree.branch(*BREAD)[1]
    ada.ok("PUT", f"{tree.path}/active", {"node_id": bread})
    told = ada.say("Back to the harbour: how deep is it for our boats at noon?", x_graft_tree="travel")
    reply = told["x-graft-node"]
    turn = ada.get(f"/api/nodes/{reply}")["parent_id"]
    route = ada.get(f"/api/nodes/{reply}/route")
    assert route == ada.get(f"/api/nodes/{turn}/route")
    decision = route["decision"]
    assert (route["turn_id"], route["moves"]) == (turn, [])
    assert decision["parent_id"] == route["parent_id"] == told["x-graft-parent"]
    assert decision["route"] == told["x-graft-route"]
    assert f"{decision['confidence']:.2f}" == told["x-graft-confidence"]
    assert decision["scorer"] == "embedded"
    assert decision["reason"]
    assert decision["spent_ms"] > 0
    assert decision["candidates"][0]["parent_id"] == decision["parent_id"]
    others = [one for one in decision["candidates"] if one["parent_id"] != decision["parent_id"]]
    assert others
    assert decision["runner_up"] == others[0]
    assert all(0 <= one["score"] <= 1 for one in decision["candidates"])
    assert {tuple(one) for one in decision["features"]} == {("name", "value", "weight", "words")}
    assert decision["features"][0]["words"] != decision["features"][0]["name"]


def test_a_regeneration_does_not_hide_why_the_turn_was_placed(ada: Person, tree: Tree):
    text = "Boats?"
    reply = ada.say(text, x_graft_tree="travel")["x-graft-node"]
    first = ada.get(f"/api/nodes/{reply}/route")
    again = ada.say(text, x_graft_tree="travel", x_graft_route="follow")["x-graft-node"]
    by_hand = ada.ok("POST", f"/api/nodes/{reply}/regenerate")["id"]
    assert len({reply, again, by_hand}) == 3
    for node in (again, by_hand):
        assert ada.get(f"/api/nodes/{node}/route") == first


def test_a_moved_turn_tells_of_its_moves_beside_the_decision(ada: Person, tree: Tree):
    boats = tree.branch(*BOATS)[1]
    reply = ada.say("Why?", x_graft_tree="travel", x_graft_parent="root")["x-graft-node"]
    ada.ok("POST", f"/api/nodes/{reply}/move", {"parent_id": boats, "answer_again": True, "why": "about boats"})
    route = ada.get(f"/api/nodes/{reply}/route")
    assert (route["decision"]["parent_id"], route["decision"]["route"]) == (None, "pinned")
    assert route["parent_id"] == boats
    assert [(move["from_parent_id"], move["to_parent_id"]) for move in route["moves"]] == [(None, boats)]


def test_what_was_added_by_hand_has_no_decision_and_no_receipt(ada: Person, tree: Tree):
    turn, reply = tree.branch(*BOATS)
    route = ada.get(f"/api/nodes/{reply}/route")
    assert (route["turn_id"], route["decision"], route["decided_at"]) == (turn, None, None)
    for node in (turn, reply):
        assert "No call" in ada.refused("GET", f"/api/nodes/{node}/receipt", status=404)["message"]


def test_a_receipt_tells_what_was_sent_and_what_it_cost(ada: Person, tree: Tree):
    told = ada.say("Boats?", x_graft_tree="travel")
    reply = told["x-graft-node"]
    receipt = ada.get(f"/api/nodes/{reply}/receipt")
    node = ada.get(f"/api/nodes/{reply}")
    assert (receipt["call_id"], receipt["turn_id"]) == (node["call_id"], node["parent_id"])
    assert (receipt["status"], receipt["model"], receipt["finish_reason"]) == ("done", "mirror", "stop")
    assert receipt["usage"]["total_tokens"] > 0
    assert receipt["receipt"]["node_id"] == reply
    assert str(receipt["receipt"]["sent_tokens"]) == told["x-graft-context-tokens"]
    turns = ada.get(f"/api/nodes/{node['parent_id']}/receipt")
    assert {**turns, "node_id": reply} == receipt
    again = ada.ok("POST", f"/api/nodes/{reply}/regenerate")["id"]
    assert ada.get(f"/api/nodes/{node['parent_id']}/receipt")["call_id"] != receipt["call_id"]
    assert ada.get(f"/api/nodes/{again}/receipt")["receipt"]["node_id"] == again
    assert ada.get(f"/api/nodes/{reply}/receipt") == receipt


def test_a_preview_says_what_the_road_would_do_and_stores_nothing(ada: Person, tree: Tree):
    boats = tree.branch(*BOATS)[1]
    bread = tree.branch(*BREAD)[1]
    ada.ok("PUT", f"{tree.path}/active", {"node_id": bread})
    before = everything(ada.house)
    text = "Back to the harbour: how deep is it for our boats at noon?"
    preview = ada.ok("POST", "/api/route", {"tree_id": tree.id, "messages": [{"role": "user", "content": text}]})
    assert everything(ada.house) == before
    assert (preview["object"], preview["tree_id"], preview["cursor"], preview["unknown"]) == (
        "preview",
        tree.id,
        bread,
        0,
    )
    told = ada.say(text, x_graft_tree="travel")
    decided = ada.get(f"/api/nodes/{told['x-graft-node']}/route")["decision"]
    assert decided["parent_id"] == preview["decision"]["parent_id"] == boats
    for field in ("route", "reason", "scorer"):
        assert decided[field] == preview["decision"][field]
    assert decided["confidence"] == pytest.approx(preview["decision"]["confidence"], abs=0.01)


def test_a_preview_reads_the_clients_history(ada: Person, tree: Tree):
    boats = ada.say(BOATS[0], x_graft_tree="travel")["x-graft-node"]
    reply = ada.get(f"/api/nodes/{boats}")["content"]
    ada.say(BREAD[0], x_graft_tree="travel", x_graft_parent="root")
    history = [{"role": "user", "content": BOATS[0]}, {"role": "assistant", "content": reply}]
    turn = {"role": "user", "content": "And how deep is it at noon?"}
    preview = ada.ok("POST", "/api/route", {"tree_id": tree.id, "messages": [*history, turn]})
    assert (preview["cursor"], preview["unknown"], preview["decision"]["parent_id"]) == (boats, 0, boats)
    strange = [{"role": "user", "content": "Bees?"}, {"role": "assistant", "content": "Buzz."}]
    unknown = ada.ok("POST", "/api/route", {"tree_id": tree.id, "messages": [*strange, turn]})
    assert (unknown["cursor"], unknown["unknown"]) == (None, 2)


def test_a_preview_can_be_told_where_the_client_is(ada: Person, tree: Tree):
    boats, bread = tree.branch(*BOATS)[1], tree.branch(*BREAD)[1]
    for at in (boats, bread):
        body = {"tree_id": tree.id, "cursor": at, "messages": [{"role": "user", "content": "Why is that?"}]}
        preview = ada.ok("POST", "/api/route", body)
        assert (preview["cursor"], preview["decision"]["parent_id"]) == (at, at)
    there = ada.tree(name="work").add("Work")
    ada.refused("POST", "/api/route", {**body, "cursor": there}, status=404)
    ada.refused("POST", "/api/route", {**body, "tree_id": None, "cursor": there}, status=404)


def test_a_preview_makes_no_tree(ada: Person):
    before = everything(ada.house)
    preview = ada.ok("POST", "/api/route", {"messages": [{"role": "user", "content": "Boats?"}]})
    assert (preview["tree_id"], preview["decision"]["route"]) == (None, "root")
    assert everything(ada.house) == before


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([{"role": "assistant", "content": "Yes"}], "messages"),
        ([{"role": "user"}], "messages[0].content"),
    ],
)
def test_a_preview_needs_a_turn(ada: Person, messages: list, param: str):
    assert ada.refused("POST", "/api/route", {"messages": messages})["param"] == param


class TestShadow:
    """What `auto` would have done, told from turns that followed their client."""

    def follow(self, ada: Person, *history: str) -> str:
        reply = ada.say(*history, x_graft_tree="travel", x_graft_route="shadow")["x-graft-node"]
        ada.house.settle()
        return str(reply)

    def test_a_report_lays_what_was_done_beside_what_would_have_been_done(self, ada: Person, tree: Tree):
        history = [BOATS[0]]
        turns = []
        for text in ("And at noon?", BREAD[0], "Back to the harbour: how deep is it for our boats at night?"):
            reply = self.follow(ada, *history)
            turns.append(reply)
            history += [ada.get(f"/api/nodes/{reply}")["content"], text]
        turns.append(self.follow(ada, *history))
        report = ada.get(f"{tree.path}/shadow")
        logged = {row["turn_id"]: row for row in report["data"]}
        assert report["turns"] == len(logged) == 4
        assert report["agreements"] + report["disagreements"] == 4
        assert report["joins"] + report["new_topics"] == report["disagreements"]
        assert report["saved_tokens"] == sum(row["saved_tokens"] for row in report["data"])
        bread = logged[ada.get(f"/api/nodes/{turns[2]}")["parent_id"]]
        assert (bread["agreed"], bread["decision"]["route"], bread["followed"]) == (False, "root", turns[1])
        assert bread["saved_tokens"] > 50
        first = logged[ada.get(f"/api/nodes/{turns[0]}")["parent_id"]]
        assert (first["agreed"], first["followed"], first["saved_tokens"]) == (True, None, 0)
        assert report["new_topics"] >= 1

    def test_what_was_not_in_the_shadow_is_not_told(self, ada: Person, tree: Tree):
        ada.say(BOATS[0], x_graft_tree="travel")
        ada.say(BREAD[0], x_graft_tree="travel", x_graft_route="follow")
        report = ada.get(f"{tree.path}/shadow")
        assert (report["turns"], report["data"], report["has_more"], report["last_id"]) == (0, [], False, None)

    def test_a_long_report_comes_in_pages(self, ada: Person, tree: Tree):
        for i in range(5):
            self.follow(ada, f"Topic number {i}: {BOATS[0]}")
        first = ada.get(f"{tree.path}/shadow?limit=3")
        rest = ada.get(f"{tree.path}/shadow?limit=3&before={first['last_id']}")
        assert [first["turns"], rest["turns"], first["has_more"], rest["has_more"]] == [3, 2, True, False]
        whole = ada.get(f"{tree.path}/shadow")
        assert first["data"] + rest["data"] == whole["data"]

    def test_a_place_that_was_deleted_since_saves_nothing_that_is_known(self, ada: Person, tree: Tree):
        boats = tree.branch(*BOATS)[1]
        reply = self.follow(ada, "Why?")
        turn = ada.get(f"/api/nodes/{reply}")["parent_id"]
        call = ada.get(f"/api/nodes/{reply}")["call_id"]
        elsewhere = Attachment(NodeId(boats), "return", "boats", 0.9, "embedded", (Candidate(None, "root", 0.1, ""),))
        ada.house.ask(lambda store: store.note_shadow(ada.user, tree.id, turn, call, elsewhere))
        newest = ada.get(f"{tree.path}/shadow")["data"][0]
        assert newest["saved_tokens"] < 0
        assert newest["decision"]["runner_up"]["route"] == "root"
        ada.ok("DELETE", f"/api/nodes/{boats}")
        assert ada.get(f"{tree.path}/shadow")["data"][0]["saved_tokens"] is None
