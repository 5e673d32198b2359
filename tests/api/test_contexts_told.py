"""What would be sent, what was sent, how full the window is, and paths told in short: over HTTP."""

from __future__ import annotations

from tests.api.house import Person, Tree


def test_a_status_tells_an_empty_tree_by_zone_and_part(ada: Person, tree: Tree):
    ada.ok("PUT", f"{tree.path}/zones/discussion", {"text": "We bake on Sundays."})
    status = ada.get(f"{tree.path}/status")
    assert (status["object"], status["node_id"], status["kept"], status["model"]) == ("status", None, 0, "mirror")
    assert [part["scope"] for part in status["parts"] if part["kind"] == "zone"] == ["discussion"]
    assert sum(part["tokens"] for part in status["parts"]) == status["tokens"] < status["budget_tokens"]
    ada.ok("PATCH", tree.path, {"max_context_tokens": 9_000})
    assert ada.get(f"{tree.path}/status")["window_tokens"] == 9_000
    ada.say("Boats?", x_graft_tree="travel")
    status = ada.get(f"{tree.path}/status")
    assert status["kept"] == 2
    assert [part["messages"] for part in status["parts"] if part["kind"] == "history"] == [2]


def test_a_context_is_what_the_next_request_sends_and_its_receipt_tells(ada: Person, tree: Tree):
    ada.ok("PUT", "/api/zones/user", {"text": "Likes rye."})
    first = ada.say("Boats?", x_graft_tree="travel")["x-graft-node"]
    ada.ok("PUT", f"/api/nodes/{first}/zone", {"text": "Here it is about boats."})
    before = ada.get(f"/api/nodes/{first}/context?content=Sails%3F")
    told = ada.say("Sails?", x_graft_tree="travel", x_graft_parent=first)
    receipt = ada.get(f"/api/nodes/{told['x-graft-node']}/receipt")
    assert receipt["messages"] == before["messages"]
    assert receipt["receipt"]["parts"] == [
        {name: value for name, value in part.items() if name in kept}
        for part, kept in zip(before["parts"], receipt["receipt"]["parts"], strict=True)
    ]
    assert str(before["tokens"]) == told["x-graft-context-tokens"]
    assert ada.get(f"/api/nodes/{first}/context")["messages"] == before["messages"][:-1]


def test_a_path_is_told_in_short_and_whole_again(ada: Person, tree: Tree):
    nodes = tree.branch(*(f"{text} {number} " * 30 for number in range(4) for text in ("Boats?", "They float.")))
    wish = {"max_tokens": 100, "preserve_last_n": 2}
    done = ada.ok("POST", f"/api/nodes/{nodes[-1]}/prune", wish)
    summary = done["summary"]
    assert (done["pruned"], summary["node_id"], summary["model"]) == (True, nodes[5], "extractive")
    assert ada.ok("POST", f"{tree.path}/prune", wish) == {"object": "pruned", "pruned": False, "summary": None}
    context = ada.get(f"/api/nodes/{nodes[-1]}/context")
    assert (context["summarised"], context["summary_id"], context["kept"]) == (6, summary["id"], 2)
    assert summary["text"] in context["messages"][0]["content"]
    assert ada.get(f"/api/nodes/{nodes[4]}/context")["summarised"] == 0
    assert ada.ok("DELETE", f"/api/summaries/{summary['id']}")["removed_at"] is not None
    assert ada.get(f"/api/nodes/{nodes[-1]}/context")["kept"] == 8
    assert [one["id"] for one in ada.get(f"/api/nodes/{nodes[-1]}/summaries")["data"]] == [summary["id"]]
    assert ada.ok("PATCH", f"/api/summaries/{summary['id']}", {"used": True})["removed_at"] is None
    assert ada.get(f"/api/nodes/{nodes[-1]}/context")["summarised"] == 6
    assert ada.get(f"/api/summaries/{summary['id']}") == summary
    assert len(ada.get(f"/api/nodes/{nodes[-1]}/path")["data"]) == 8


def test_what_cannot_be_looked_at_is_refused(ada: Person, tree: Tree):
    other = ada.tree(name="elsewhere").branch("Hi", "Hello.")[1]
    ada.refused("GET", f"{tree.path}/status?node_id={other}", status=404)
    for path in (f"{tree.path}/status?model=nobody", f"/api/nodes/{other}/context?model=nobody"):
        assert "nobody" in ada.refused("GET", path, status=404)["message"]
    for path in (f"{tree.path}/status?personality=nobody", "/api/summaries/s_nobody", "/api/nodes/n_nobody/context"):
        ada.refused("GET", path, status=404)
    ada.refused("POST", f"{tree.path}/prune", {"max_tokens": 0})
    assert ada.ok("POST", f"{tree.path}/prune", {"max_tokens": 1}) == {
        "object": "pruned",
        "pruned": False,
        "summary": None,
    }
