"""Replays in other mixes than the stream's own, and the suite of requests without history."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from proxy.cli.figures import show_replays
from proxy.domain.placement import Attachment, FeedNode, Question
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case
from proxy.routing.bench.fresh import fresh_cases, fresh_figures
from proxy.routing.bench.metrics import Prediction, judge
from proxy.routing.bench.mixes import Played, shares, woven
from proxy.routing.bench.run import Replay, Shelf, evaluate, replay


def stream(conversations: int = 12, turns: int = 10) -> list[FeedNode]:
    """Conversations that take turns after each other, each turn a return."""
    nodes = []
    for turn in range(turns):
        for talk in range(conversations):
            said, before = f"{talk}-{turn}", f"{talk}-{turn - 1}-reply" if turn else None
            nodes.append(FeedNode(NodeId(said), before, "user", said, 0.0))
            nodes.append(FeedNode(NodeId(f"{said}-reply"), NodeId(said), "assistant", "yes", 0.0))
    return nodes


def test_chats_hold_the_same_turns_below_the_same_parents():
    played = woven({"s": stream()}, "chats")[0]
    assert sorted(node.text for node in played.nodes) == sorted(node.text for node in stream())
    known: set[NodeId | None] = {None}
    for node in played.nodes:
        assert node.parent_id in known
        known.add(node.id)
    assert played.fresh == {}


def test_streams_are_pooled_and_short_conversations_left_out():
    played = woven({"long": stream(20, 6), "same": stream(20, 5), "short": stream(3, 2)}, "chats")
    assert [one.name for one in played] == ["chats 1", "chats 2"]
    assert sum(len(one.nodes) for one in played) == 20 * 6 * 2


def test_most_turns_of_chats_follow_on():
    assert shares(stream())["follow-up"] == 0
    assert 0.7 < shares(woven({"s": stream(16, 6)}, "chats")[0].nodes)["follow-up"] < 0.85


def test_a_stream_stays_as_it_is():
    assert woven({"s": stream()}, "stream") == [Played("s", stream(), {})]


def test_fresh_clients_open_new_chats_for_other_subjects_and_leave_out_history():
    played = woven({"s": stream()}, "fresh-clients")[0]
    again, fresh = played.nodes, played.fresh
    before = {node.id: again[at - 1].id if at else None for at, node in enumerate(again)}
    nodes = {node.id: node for node in again}
    follows = {turn: nodes[turn].parent_id is not None and nodes[turn].parent_id == before[turn] for turn in fresh}
    assert {fresh[turn] for turn in fresh if follows[turn]} == {"auto"}
    assert {fresh[turn] for turn in fresh if not follows[turn]} == {"confident"}


class Rooted:
    """Opens a topic for every turn, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    async def attach(self, question: Question) -> Attachment:
        self.asked.append(question)
        return Attachment(None, "root", "", 1.0, "none")

    async def warm(self, user_id, tree_id) -> None:
        return


@pytest.mark.anyio
async def test_a_new_chat_that_stays_apart_is_no_needless_root():
    turns = stream(2, 2)
    last: Replay | None = None
    router = Rooted()
    async for account in replay(turns, Shelf(), router, "s", {NodeId("0-1"): "confident", NodeId("1-1"): "auto"}):
        last = account
    assert last is not None
    assert (last.turns, last.needless_roots) == (4, 1)
    assert [asked.fresh for asked in router.asked] == [None, None, "confident", "auto"]


def case(kind: str, gold: str | None, branch: str | None) -> Case:
    nodes = stream(2, 1)
    return Case(
        kind,
        "core",
        kind,
        (),
        "And what of it?",
        nodes[-1].id,
        (gold,),
        frozenset([branch]),
        nodes,  # type: ignore[arg-type]
    )


CASES = [case("continue", "1-0-reply", "1-0"), case("return", "0-0-reply", "0-0"), case("new", None, None)]


def test_the_suite_asks_without_history():
    made = fresh_cases([*CASES, case("fork", "0-0", "0-0")])
    assert [one.kind for one in made] == ["go on", "new chat", "new topic", "one shot"]
    assert [one.question.fresh for one in made] == ["auto", "confident", "confident", "auto"]
    assert made[3].turn.endswith("And what of it?")
    assert all(one.suite == "fresh" for one in made)


@pytest.mark.anyio
async def test_the_suite_reaches_the_router_as_requests_without_history():
    router = Rooted()
    made = [prediction async for prediction in evaluate(fresh_cases(CASES), Shelf(), router)]
    assert len(made) == 4
    assert {asked.fresh for asked in router.asked} == {"auto", "confident"}
    assert {asked.active_age_s for asked in router.asked} == {60.0, 86400.0}


def test_a_false_join_is_a_turn_in_a_conversation_that_is_not_its_own():
    made = fresh_cases(CASES)
    roots = fresh_figures([judge(one, Prediction(one.id, None)) for one in made])
    assert roots["all"].false_joins == 0
    assert (roots["go on"].apart, roots["new chat"].apart, roots["new topic"].right) == (1, 1, 1)
    joined = fresh_figures([judge(one, Prediction(one.id, NodeId("1-0-reply"))) for one in made])
    assert (joined["all"].false_joins, joined["go on"].false_joins) == (0.75, 0)


def test_a_replay_tells_its_rates_on_one_line():
    console = Console(file=io.StringIO(), width=80)
    show_replays(console, "streams as they are", [("a", Replay(50, 1, 2, 3, 9, 5)), ("b", Replay(50, 0, 2, 0, 9, 8))])
    assert "1.0 wrong joins, 4.0 torn follow-ups, 3.0 needless roots per 100 turns" in console.file.getvalue()  # type: ignore[attr-defined]
