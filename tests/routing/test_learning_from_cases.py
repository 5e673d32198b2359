"""Training: many decisions at once are what one at a time is, and the whole of it on conversations of our own."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from proxy.cli.retrain import compared
from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing import training
from proxy.routing.bench.cases import Case, Prefix, read_cases
from proxy.routing.decision import Weights
from proxy.routing.embedder import unit
from proxy.routing.evidence import COLUMNS, weigh
from proxy.routing.learn import cache, draws, fitting
from proxy.routing.learn.cache import Remembering
from proxy.routing.learn.dialogues import collect, confined, named
from proxy.routing.learn.draws import draw
from proxy.routing.learn.examples import measure
from proxy.routing.learn.report import calibration_error, reliability
from proxy.routing.learn.shape import text_only
from proxy.routing.learn.table import Table, best
from proxy.routing.learn.verdicts import chances

WORDS = [
    "lock",
    "canal",
    "boat",
    "tide",
    "rice",
    "risotto",
    "tomato",
    "basil",
    "photon",
    "mass",
    "light",
    "prism",
    "violin",
    "bow",
    "string",
    "tune",
    "bread",
    "yeast",
    "flour",
    "oven",
    "tram",
    "hill",
    "tower",
    "river",
    "python",
    "list",
    "loop",
    "array",
    "garden",
    "soil",
    "seed",
    "rain",
    "chess",
    "rook",
    "pawn",
    "check",
    "novel",
    "plot",
    "verse",
    "rhyme",
    "engine",
    "piston",
    "valve",
    "oil",
]


class Bags:
    """An embedder that adds up a random vector for each word."""

    name, size = "bags", 384

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]):
        self.embedded += len(texts)
        rows = [
            sum(
                np.random.default_rng(zlib.crc32(word.encode())).normal(size=self.size) for word in text.lower().split()
            )
            if text.strip()
            else np.zeros(self.size)
            for text in texts
        ]
        return unit(np.asarray(rows, np.float32))


def dialogues(count: int = 40) -> dict[str, list[tuple[str, ...]]]:
    rng = random.Random(4)
    talks = []
    for number in range(count):
        own = rng.sample(WORDS, 4)
        turns = [f"{rng.choice(['Tell me of', 'And the', 'What of the'])} {' '.join(rng.sample(own, 3))} {number}?"]
        for _ in range(5):
            turns += [f"The {' '.join(rng.sample(own, 3))} is fine.", f"And {' '.join(rng.sample(own, 3))} then?"]
        talks.append((*turns, "It is so."))
    return {named(talk[0]): [talk] for talk in talks}


def forked(case: Case, at: int) -> Case | None:
    """The same turn as if it answered an earlier node of the active path."""
    nodes = {node.id: node for node in case.history}
    path = [case.active]
    while path[-1] is not None and (before := nodes[path[-1]].parent_id) is not None:
        path.append(before)
    if len(path) < 6:
        return None
    gold = path[2 + 2 * (at % 2)]
    return Case(
        f"f{at}", "core", "fork", (), case.turn, case.active, (gold,), case.gold_branch, case.history, source="own"
    )


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    drawn = [case for case in draw(dialogues()) if case.id.split("-")[1] in "0123"][:260]
    forks = [fork for at, case in enumerate(drawn) if case.kind == "continue" and (fork := forked(case, at))]
    return [*drawn, *forks[:40]]


@pytest.fixture(scope="module")
def folder(cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cases in the benchmark's format."""
    folder = tmp_path_factory.mktemp("bench")
    lines = []
    for case in cases:
        nodes = case.history.nodes if isinstance(case.history, Prefix) else case.history
        name = f"s{case.id.rpartition('-')[0] or id(nodes)}.jsonl" if case.kind != "fork" else f"s{id(nodes)}.jsonl"
        rows = [{"id": node.id, "parent": node.parent_id, "role": node.role, "content": node.text} for node in nodes]
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        line = {"id": case.id, "suite": "core", "kind": case.kind, "turn": case.turn, "active": case.active}
        line |= {"gold": list(case.gold), "gold_branch": list(case.gold_branch), "source": f"own{len(lines) % 2}"}
        lines.append(line | {"history_file": name, "history_len": len(case.history)})
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_table_weighs_every_example_as_one_is_weighed(cases: list[Case]):
    found = measure(cases[::7], Bags())
    weights = Weights.shipped("minilm")
    weighed = Table.of(found).weigh(np.arange(len(found), dtype=np.float32), weights.others, weights.earlier)
    told = chances(
        weights,
        weighed.rows,
        np.array([len(one.seen.others) > 0 for one in found]),
        np.array([len(one.seen.earlier) > 0 for one in found]),
    )
    for at, one in enumerate(found):
        evidence = weigh(one.seen, float(at), weights.others, weights.earlier)
        np.testing.assert_allclose(weighed.rows[at], evidence.row, rtol=1e-4, atol=1e-4)
        scaled = weights.regressions.scaled(evidence.row)
        np.testing.assert_allclose(told[at], weights.chances(evidence, scaled), atol=1e-3)


def test_the_best_of_each_group_is_the_first_among_equals():
    found = best(np.array([1.0, 3.0, 3.0, 2.0], np.float32), np.array([0, 3, 0, 1]))
    assert found.has.tolist() == [1, 3]
    assert found.at.tolist() == [1, 3]
    assert found.lead.tolist() == [0.0, 5.0]
    assert found.share[1] == 1


def test_a_table_comes_back_from_its_file(cases: list[Case], tmp_path: Path):
    table = Table.of(measure(cases[:20], Bags()))
    table.write(tmp_path / "t.npz")
    again = Table.read(tmp_path / "t.npz")
    assert np.array_equal(again.other_rows, table.other_rows)
    assert again.shaped


def test_hidden_shape_leaves_texts_alone(cases: list[Case]):
    table = Table.of(measure(cases[:20], Bags()))
    hidden = text_only(table)
    weights = Weights.shipped("minilm")
    rows = hidden.weigh(np.zeros(20, np.float32), weights.others, weights.earlier).rows
    blind = [
        at for at, name in enumerate(COLUMNS) if name.endswith(("depth", "recency", "other tips", "conversations"))
    ]
    assert len(blind) > 4
    assert np.ptp(rows[:, blind], axis=0).max() == 0
    assert np.array_equal(hidden.active[:, 0], table.active[:, 0])


def test_a_text_is_embedded_once_and_known_in_the_next_run(tmp_path: Path):
    first = Remembering(Bags(), tmp_path)
    vectors = first.embed(["a boat", "a tram", "a boat"])
    first.keep()
    again = Bags()
    assert np.array_equal(Remembering(again, tmp_path).embed(["a boat", "a tram", "a boat"]), vectors)
    assert again.embedded == 0


def test_what_a_table_depends_on_is_there_to_be_read():
    assert all(cache._source(module) for module in cache.MEASURED_BY)


def test_trees_are_confined_to_the_dialogues_that_may_be_learned_from(cases: list[Case]):
    names = set(list(collect(cases))[::2])
    kept = confined(cases, names)
    assert 0 < len(kept) < len(cases)
    for case in kept:
        assert all(named(node.text) in names for node in case.history if node.parent_id is None)
        assert all(gold is None or gold in {node.id for node in case.history} for gold in case.gold)


def test_the_calibration_error_is_the_distance_between_confidence_and_what_was_right():
    confidence, right = np.array([0.97, 0.97, 0.97, 0.97]), np.array([True, True, True, False])
    assert calibration_error(confidence, right) == 22.0
    assert reliability(confidence, right) == [{"from": 0.95, "cases": 4, "confidence": 97.0, "right": 75.0}]


def test_one_command_trains_and_reports(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("lightgbm")
    pytest.importorskip("sklearn")
    monkeypatch.setattr(training, "FOLDS", 3)
    monkeypatch.setattr(draws, "PLAN", ((4, 4, 24), (2, 16, 27)))
    monkeypatch.setattr(draws, "MIXED", ((10, 1, 6),))
    monkeypatch.setattr(draws, "CHATS", (1, 20))
    monkeypatch.setattr(fitting, "ROUNDS", 8)
    bags = Bags()
    steps = []
    report = training.train(folder, tmp_path / "w.json", bags, lambda *step: steps.append(step), tmp_path)
    weights = Weights.read(json.loads((tmp_path / "w.json").read_text()))
    dev = report["per cent, cross-validated by source dialogue"]["dev"]
    assert weights.embedder == "bags"
    assert weights.report == json.loads(json.dumps(report))
    assert dev["cases"] == len(read_cases(folder / "cases.jsonl"))
    assert dev["attach_and_branch"]["continue"][0] > 50
    assert 0 <= report["context"]["single cases"]["kept, per cent"] <= 100
    assert steps[-1][1] == steps[-1][2]
    count, first = bags.embedded, (tmp_path / "w.json").read_text()
    training.train(folder, tmp_path / "w.json", bags, kept=tmp_path)
    assert bags.embedded == count
    assert (tmp_path / "w.json").read_text() == first
    assert [row.header for row in compared(weights.report, report).columns] == ["", "shipped", "fitted now"]


def test_retraining_needs_cases(tmp_path: Path):
    from proxy.cli.main import graft

    found = CliRunner().invoke(graft, ["optimize", "--embedded", "--bench", str(tmp_path)])
    assert found.exit_code != 0
    assert "no cases.jsonl" in found.output


def test_a_confined_history_counts_what_came_before():
    nodes = [FeedNode(NodeId(name), None, "user", name, 0.0) for name in "abc"]
    case = Case("c", "core", "new", (), "d", NodeId("c"), (None,), frozenset([None]), Prefix(nodes, 3))
    assert [node.id for node in confined([case], {"a", "c", "d"})[0].history] == ["a", "c"]
