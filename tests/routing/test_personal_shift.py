"""What one user corrects again and again is placed that way from then on, for that user, and the rest stays what it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proxy.domain.placement import FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.errors import ConfigError
from proxy.routing import personal
from proxy.routing.bench.cases import Case
from proxy.routing.decision import CONTINUE, NEW, Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import embedder
from proxy.routing.evidence import COLUMNS
from proxy.routing.grove import TreeModel
from proxy.routing.learn import personal as learning
from proxy.routing.learn.cache import Remembering
from proxy.routing.learn.guard import guard
from proxy.routing.learn.personal import MARGIN, Seen, fit, see
from proxy.routing.learn.verdicts import Verdicts

ADA = UserId("ada")
TALKS = [
    ("How long does rye bread bake?", "An hour, in a hot oven."),
    ("Which train leaves for Rome in the evening?", "The night train at nine."),
]
ALIKE = [
    "Idea: a lamp made of glass.",
    "Idea: a chair made of cork.",
    "Idea: a clock made of slate.",
    "Idea: a shelf of reed.",
]
LATER = "Idea: a table made of tin."
FAR = "Back to the bread: how much salt goes into rye bread?"


@pytest.fixture(scope="module")
def vectors() -> Remembering:
    return Remembering(embedder("minilm"))


def history() -> list[FeedNode]:
    nodes = []
    for at, (asked, told) in enumerate(TALKS):
        nodes.append(FeedNode(NodeId(f"u{at}"), None, "user", asked, float(2 * at)))
        nodes.append(FeedNode(NodeId(f"a{at}"), NodeId(f"u{at}"), "assistant", told, float(2 * at + 1)))
    return nodes


def place(
    vectors: Remembering, turn: str, shifts: dict[UserId, personal.Personal], user: UserId = ADA
) -> NodeId | None:
    model = TreeModel()
    model.apply(TreeSlice(Mark(0, 4), history(), reset=False))
    scorer = EmbeddedScorer(vectors, Weights.shipped("minilm"), shifts)
    return scorer.attach(model, Question(user, TreeId("t"), turn, NodeId("a1"))).parent_id


def case(turn: str, gold: NodeId | None) -> Case:
    kind = "new" if gold is None else "continue"
    branch = frozenset([None if gold is None else NodeId("u1")])
    return Case(turn, "corrections", kind, (), turn, NodeId("a1"), (gold,), branch, history())


def test_repeated_corrections_change_where_later_turns_of_that_kind_go(vectors: Remembering):
    before = place(vectors, LATER, {})
    wanted = None if before is not None else NodeId("a1")
    weights = Weights.shipped("minilm")
    corrected = see([case(turn, wanted) for turn in ALIKE * 2], vectors, weights)
    fitted = fit(ADA, corrected, [], weights)
    shifts = {ADA: fitted.personal}
    assert place(vectors, LATER, shifts) == wanted
    assert fitted.corrections[1] > fitted.corrections[0]
    assert place(vectors, LATER, shifts, UserId("bob")) == before
    assert place(vectors, FAR, shifts) == place(vectors, FAR, {})


def seen(kinds: list[int], rows: np.ndarray, chances: list[list[float]]) -> Seen:
    right = np.eye(4, dtype=bool)[kinds]
    told = Verdicts(np.array(kinds), np.array(chances, np.float32), np.ones((len(kinds), 4)), right, right)
    return Seen(told, rows.astype(np.float32))


def test_what_must_hold_loses_no_more_than_the_margin():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(40, len(COLUMNS) + 1)) / 13
    weights = Weights.shipped("minilm")
    holding = seen([NEW] * 20 + [CONTINUE] * 20, rows, [[0.25, 0, 0.75, 0]] * 20 + [[0.6, 0, 0.4, 0]] * 20)
    corrected = seen(
        [CONTINUE] * 10, rows[:10], [[0.25, 0, 0.75, 0]] * 10
    )  # against what holds, on the very same turns
    fitted = fit(ADA, corrected, [holding], weights)
    [(before, after)] = fitted.held
    assert after >= before - MARGIN


def test_each_set_that_must_hold_does_so_by_itself():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(40, len(COLUMNS) + 1)) / 13
    weights = Weights.shipped("minilm")
    against = seen([NEW] * 10, rows[:10], [[0.25, 0, 0.75, 0]] * 10)
    many = seen([CONTINUE] * 400, np.tile(rows, (10, 1)), [[0.9, 0, 0.1, 0]] * 400)
    corrected = seen([CONTINUE] * 10, rows[:10], [[0.25, 0, 0.75, 0]] * 10)
    assert fit(ADA, corrected, [many], weights).corrections[1] > 50
    guarded = fit(ADA, corrected, [many, against], weights)
    assert [after >= before - MARGIN for before, after in guarded.held] == [True, True]


def test_what_comes_with_the_package_guards_a_user_who_never_let_a_turn_stand(vectors: Remembering):
    weights = Weights.shipped("minilm")
    cases = guard()
    held = see(cases, vectors, weights)
    stays = [one for one in cases if one.kind == "continue"]
    torn = [replace(one, kind="new", gold=(None,), gold_branch=frozenset([None])) for one in stays]
    corrected = see(torn * 4, vectors, weights)  # a user who takes everything apart
    free = fit(ADA, corrected, [], weights)
    lost = held.right().mean() - held.right(free.personal.shift).mean()
    assert lost > 0.05
    fitted = fit(ADA, corrected, [held], weights)
    [(before, after)] = fitted.held
    assert after >= before - MARGIN


def test_the_guard_is_placed_well_by_the_shipped_weights_and_every_turn_has_its_place(vectors: Remembering):
    cases = guard()
    assert {one.kind for one in cases} == {"continue", "return", "new", "fork"}
    for one in cases:
        ids = {node.id: node for node in one.history}
        assert one.active in ids
        assert all(gold is None or gold in ids for gold in one.gold)
        assert (one.gold == (one.active,)) == (one.kind == "continue")
    held = see(cases, vectors, Weights.shipped("minilm"))
    right = held.right()
    assert right.mean() > 0.75


def test_a_shift_is_bounded_and_gives_no_chance_to_what_has_none():
    weights = Weights.shipped("minilm")
    pull = np.zeros((4, len(COLUMNS) + 1), np.float32)
    pull[CONTINUE, -1] = 100.0
    told = personal.Personal(ADA, "minilm", pull).adjusted(
        np.array([0.001, 0.0, 0.999, 0.0]), np.zeros(len(COLUMNS), np.float32), weights
    )
    assert told[CONTINUE] == pytest.approx(
        0.001 * np.exp(personal.MOST) / (0.999 + 0.001 * np.exp(personal.MOST)), 1e-3
    )
    assert told[1] == told[3] == 0


def test_shifts_are_read_from_a_folder_each_for_its_user(tmp_path: Path):
    shift = np.zeros((4, len(COLUMNS) + 1), np.float32)
    for name, vectors_of in (("ada", "minilm"), ("app/bob", "minilm"), ("eve", "static")):
        one = personal.Personal(UserId(name), vectors_of, shift)
        (tmp_path / personal.file_for(one.user_id)).write_text(json.dumps(one.flat()))
    assert set(personal.load(tmp_path, "minilm")) == {"ada", "app/bob"}
    (tmp_path / "x.json").write_text('{"user": "zoe"}')
    with pytest.raises(ConfigError, match=r"x\.json"):
        personal.load(tmp_path, "minilm")
    with pytest.raises(ConfigError, match="no folder"):
        personal.load(tmp_path / "gone", "minilm")


def test_a_shift_for_other_features_is_refused():
    flat = personal.Personal(ADA, "minilm", np.zeros((4, len(COLUMNS) + 1), np.float32)).flat()
    with pytest.raises(ConfigError, match="other features"):
        personal.Personal.read({**flat, "columns": ["one"]})


def test_cases_without_an_active_node_are_left_out(vectors: Remembering):
    weights = Weights.shipped("minilm")
    assert len(see([case(LATER, None), replace(case(FAR, None), active=None)], vectors, weights).rows) == 1
    assert learning.MARGIN == 1.0
