"""A turn goes where a mistake is expected to cost least, which is not always the likeliest place."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.routing.decision import CONTINUE, COSTS, FORK, NEW, RETURN, trust_row
from proxy.routing.decision import expected_costs as expected


def choice(chances: list[float], share: float = 1.0) -> int:
    return int(expected(np.array(chances), share).argmin())


@pytest.mark.parametrize("kind", [CONTINUE, RETURN, NEW, FORK])
def test_what_is_certain_is_chosen_and_costs_nothing(kind: int):
    chances = np.eye(4)[kind]
    assert choice(chances.tolist()) == kind
    assert expected(chances, 1.0)[kind] == 0


def test_a_follow_up_is_let_go_on_strong_evidence_only():
    assert choice([0.35, 0.0, 0.65, 0.0]) == CONTINUE
    assert choice([0.35, 0.65, 0.0, 0.0]) == CONTINUE
    assert choice([0.1, 0.0, 0.9, 0.0]) == NEW


def test_a_doubt_whether_it_returns_or_opens_goes_to_the_root():
    assert choice([0.0, 0.52, 0.48, 0.0]) == NEW
    assert choice([0.0, 0.7, 0.3, 0.0]) == RETURN


def test_a_return_to_one_of_several_likely_branches_is_a_doubt_too():
    assert choice([0.0, 0.9, 0.1, 0.0], share=0.9) == RETURN
    assert choice([0.0, 0.9, 0.1, 0.0], share=0.3) == NEW


def test_a_mistake_costs_something_and_what_is_right_nothing():
    assert (np.diag(COSTS) == 0).all()
    assert (COSTS[~np.eye(4, dtype=bool)] > 0).all()


def test_many_rows_cost_what_each_of_them_costs():
    rows, shares = np.random.default_rng(1).dirichlet([1, 1, 1, 1], 20), np.linspace(0, 1, 20)
    each = [expected(row, float(share)) for row, share in zip(rows, shares, strict=True)]
    np.testing.assert_allclose(expected(rows, shares), each)


def test_trust_is_told_from_less_doubt_where_the_chances_are_clearer():
    clear, even = (
        trust_row(np.array(chances), CONTINUE, 1.0) for chances in ([0.97, 0.01, 0.01, 0.01], [0.4, 0.2, 0.2, 0.2])
    )
    assert clear[-1] > even[-1]
    assert clear[len(COSTS) + CONTINUE] > even[len(COSTS) + CONTINUE]
