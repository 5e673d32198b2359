"""The figures of `graft eval`: equal to the benchmark's own scorer, and a replay that counts what a user would have lived with."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.domain.placement import Attachment, FeedNode
from proxy.routing.bench.cases import Case, read_cases, read_stream
from proxy.routing.bench.metrics import Prediction, groups, intervals, judge, summary
from proxy.routing.bench.run import Replay, Shelf, evaluate, replay

BENCH = Path(__file__).parents[3] / "shared" / "routing-bench"
STREAM = [
    ("a", None, "user"),
    ("A", "a", "assistant"),
    ("b", None, "user"),
    ("B", "b", "assistant"),
    ("c", "B", "user"),
    ("C", "c", "assistant"),
    ("d", "A", "user"),
    ("D", "d", "assistant"),
]


class Scripted:
    """A router that answers from a list."""

    def __init__(self, *parents: str | None) -> None:
        self._parents = list(parents)
        self.asked: list[str | None] = []

    async def attach(self, question) -> Attachment:
        self.asked.append(question.cursor)
        return Attachment(self._parents.pop(0), "continue", "", 1.0, "none")

    async def warm(self, user_id, tree_id) -> None:
        return


async def played(*parents: str | None) -> Replay:
    nodes = [FeedNode(node, parent, role, node, 0.0) for node, parent, role in STREAM]
    account = Replay(0, 0, 0, 0, 0, 0)
    async for so_far in replay(nodes, Shelf(), Scripted(*parents), "s"):
        account = so_far
    return account


@pytest.mark.anyio
async def test_a_replay_without_errors_counts_none() -> None:
    assert await played(None, None, "B", "A") == Replay(4, 0, 0, 0, 2, 2)


@pytest.mark.anyio
async def test_a_follow_up_sent_to_the_root_is_torn_and_a_needless_root() -> None:
    assert await played(None, None, None, "A") == Replay(4, 0, 1, 1, 2, 1)


@pytest.mark.anyio
async def test_a_turn_in_anothers_conversation_is_a_wrong_join() -> None:
    assert await played(None, "A", "B", "C") == Replay(4, 2, 0, 0, 2, 0)


@pytest.mark.anyio
async def test_the_cursor_follows_the_routers_own_tree() -> None:
    router = Scripted(None, None, "B", "A")
    nodes = [FeedNode(node, parent, role, node, 0.0) for node, parent, role in STREAM]
    async for _ in replay(nodes, Shelf(), router, "s"):
        pass
    assert router.asked == [None, "A", "B", "C"]


@pytest.mark.benchmark_data
@pytest.mark.skipif(not BENCH.is_dir(), reason="the routing benchmark is not beside the repository")
def test_the_metrics_equal_the_benchmarks_own(tmp_path: Path) -> None:
    cases = read_cases(BENCH / "cases.jsonl")
    rng = random.Random(3)
    made = {}
    for case in cases:
        parent = rng.choice(
            [case.active, None, rng.choice(case.gold), case.history[0].id if len(case.history) else None]
        )
        made[case.id] = Prediction(case.id, parent, 1.0)
    lines = [json.dumps({"id": p.case_id, "parent": p.parent_id, "ms": p.ms}) for p in made.values()]
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    command = [sys.executable, BENCH / "score.py", BENCH / "cases.jsonl", tmp_path / "p.jsonl", "--boot", "2"]
    subprocess.run([*command, "--json", tmp_path / "out.json"], check=True, capture_output=True)
    theirs = json.loads((tmp_path / "out.json").read_text())
    ours = groups([judge(case, made[case.id]) for case in cases])
    for name in ("core", "core M4", "core M256", "irc", "tiage"):
        figures = summary(ours[name])
        assert theirs[name]["n"] == len(ours[name])
        for figure, value in figures.items():
            assert value == pytest.approx(theirs[name][figure]), (name, figure)


@pytest.mark.anyio
async def test_cases_that_share_a_history_are_asked_on_a_tree_that_only_grows(tmp_path: Path) -> None:
    rows = [{"id": n, "parent": p, "role": r, "content": n} for n, p, r in STREAM]
    (tmp_path / "s.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    frame = {"kind": "continue", "history_file": "s.jsonl", "turn": "x", "gold": ["B"], "gold_branch": ["b"]}
    cases = [
        {**frame, "id": str(length), "history_len": length, "active": rows[length - 1]["id"]} for length in (6, 2, 4)
    ]
    (tmp_path / "cases.jsonl").write_text("\n".join(json.dumps(case) for case in cases))
    router = Scripted("A", "B", "C")
    read = read_cases(tmp_path / "cases.jsonl")
    predictions = [p async for p in evaluate(read, Shelf(), router)]
    assert router.asked == ["A", "B", "C"]
    assert {p.case_id: p.parent_id for p in predictions} == {"2": "A", "4": "B", "6": "C"}
    assert len(read_stream(tmp_path / "s.jsonl")) == len(STREAM)


def test_turns_of_one_tree_have_an_interval_too() -> None:
    history = [FeedNode(node, parent, role, node, 0.0) for node, parent, role in STREAM]
    case = Case("one", "own turns", "continue", (), "And then?", "D", ("D",), frozenset({"a"}), history)
    right, wrong = Prediction("one", "D"), Prediction("one", "B")
    figure = intervals([judge(case, right)] * 6 + [judge(case, wrong)] * 4)["attach_continue"]
    assert figure.value == pytest.approx(0.6)
    assert figure.low < 0.5
    assert figure.high > 0.7
