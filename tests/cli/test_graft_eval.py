"""`graft eval` on what a user's own tree and shadow log hold, and on labelled cases."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner

from proxy.cli.main import graft
from proxy.cli.past import read_past
from proxy.domain.placement import Attachment, FeedNode
from proxy.domain.tree import NodeId, UserId
from proxy.routing.bench.past import CORRECTED, turns
from proxy.store import SqliteStore
from tests.store.client import Client


def run(folder: Path, *words: object) -> tuple[int, str]:
    file = folder / "config.json"
    file.write_text(json.dumps({"storage": {"url": f"sqlite:///{folder}/graft.db"}}))
    done = CliRunner().invoke(graft, ["eval", *map(str, words), "--config", str(file)], env={"COLUMNS": "160"})
    return done.exit_code, done.output


async def grown(store: SqliteStore) -> Client:
    """Bread, then a train in the same chat, then back to bread, which the user had to say."""
    client = await Client.of(store, "ada")
    await client.say("How long does rye bread bake in the oven?", "An hour, in a hot oven.")
    bread = client.nodes[-1]
    await client.say("Which train leaves for Rome in the evening?", "The night train at nine.", under=None)
    turn, _ = await client.say("And how much salt goes into the rye bread?", "Ten grams.")
    await store.move(UserId("ada"), turn, bread, "move")
    await store.correct(UserId("ada"), turn, bread, "move")
    await client.say("Is it better with caraway?", "Some like it.")
    return client


def test_a_users_past_turns_are_held_out_in_their_time(tmp_path: Path) -> None:
    async def fill() -> None:
        async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
            client = await grown(store)
            cases = await read_past(store, UserId("ada"), client.tree)
            told = [(case.kind, len(case.history), case.tags) for case in cases]
            assert told == [("new", 2, ()), ("return", 4, (CORRECTED,)), ("continue", 6, ())]
            assert cases[1].active == client.nodes[3]
            assert cases[1].gold == (client.nodes[1],)

    anyio.run(fill)
    code, told = run(tmp_path, "--user", "ada")
    assert code == 0, told
    assert "own turns, 3 cases" in told
    assert "own turns, those that you corrected, 1 cases" in told
    assert "Confidence against what was right, 3 cases" in told
    assert "expected calibration error" in told
    assert "2 cases" in run(tmp_path, "--user", "ada", "--limit", 2)[1]


def test_the_shadow_log_is_laid_beside_what_was_done(tmp_path: Path) -> None:
    async def fill() -> None:
        async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
            client = await Client.of(store, "ada")
            for text, sure in (("How is rye bread baked?", 0.95), ("Which train goes to Rome?", 0.7)):
                follows = Attachment(client.at, "follow", "", 1.0, "none")
                call_id, turn_id = await client.ask(text, decision=follows)
                made = Attachment(None, "root", "opens a new topic", sure, "embedded")
                await store.note_shadow(client.user.id, client.tree.id, turn_id, call_id, made)
                await client.answered(call_id, turn_id, "So.")

    anyio.run(fill)
    code, told = run(tmp_path, "--user", "ada", "--shadow")
    assert code == 0, told
    assert "2 turns that followed their client" in told
    assert "Which train goes to Rome?" in told
    assert "How is rye" not in told  # there the router agreed
    rows = {line.split("│")[1].strip(): line.split("│")[2:6] for line in told.splitlines() if line.startswith("│")}
    assert [cell.strip() for cell in rows["all"]] == ["2", "1", "0", "1"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--user"),
        (("--shadow",), "--shadow needs --user"),
        (("--user", "ada"), "There is no database"),
        (("--user", "ada", "--scorer", "llm"), "routing.model"),
    ],
)
def test_what_is_missing_is_said_on_one_line(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    code, told = run(tmp_path, *words)
    assert code != 0
    assert says in told
    assert "Traceback" not in told


def test_a_tree_with_nothing_to_judge_says_so(tmp_path: Path) -> None:
    async def fill() -> None:
        async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
            client = await Client.of(store, "ada")
            await client.say("How is rye bread baked?")

    anyio.run(fill)
    assert "nothing to judge by" in run(tmp_path, "--user", "ada")[1]
    assert "placed in the shadow" in run(tmp_path, "--user", "ada", "--shadow")[1]
    assert "has no tree 'work'" in run(tmp_path, "--user", "ada", "--tree", "work")[1]


def test_an_edit_and_a_turn_whose_chat_is_gone_are_not_asked_about() -> None:
    def node(name: str, parent: str | None, at: float) -> FeedNode:
        role = "user" if name.startswith("u") else "assistant"
        return FeedNode(NodeId(name), NodeId(parent) if parent else None, role, name, at)

    nodes = [node("u1", None, 1), node("a1", "u1", 2), node("u2", "a1", 3), node("a2", "u2", 4)]
    edited = node("u3", "a1", 5)
    elsewhere = node("u4", None, 6)
    cursors = {NodeId("u2"): NodeId("a1"), NodeId("u3"): NodeId("a1"), NodeId("u4"): None}
    assert [case.id for case in turns([*nodes, edited, elsewhere], cursors)] == ["u2"]


def test_a_turn_without_history_is_asked_about_as_one() -> None:
    nodes = [
        FeedNode(NodeId("u1"), None, "user", "bread", 10.0),
        FeedNode(NodeId("a1"), NodeId("u1"), "assistant", "hot", 11.0),
        FeedNode(NodeId("u2"), None, "user", "trains", 3611.0, system="brief", personality="pirate"),
    ]
    (case,) = turns(nodes, {})
    asked = case.question
    assert (case.kind, asked.fresh, asked.active_age_s, asked.cursor) == ("new", "auto", 3600.0, "a1")
    assert (asked.system, asked.personality) == ("brief", "pirate")
