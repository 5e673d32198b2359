"""Dialogues of our own making that are learned from: whole, different, the same every time."""

from __future__ import annotations

import pytest

from proxy.routing.learn import draws
from proxy.routing.learn.dialogues import Dialogue, named
from proxy.routing.learn.draws import draw_all
from proxy.routing.learn.errands import errands
from proxy.routing.learn.lessons import lessons
from proxy.routing.learn.services import SERVICES


@pytest.fixture(scope="module", params=[errands, lessons])
def made(request: pytest.FixtureRequest) -> dict[str, list[Dialogue]]:
    found = request.param()
    assert found == request.param()
    return found


def test_a_dialogue_is_exchanges_of_filled_texts_under_the_name_of_its_first(made: dict[str, list[Dialogue]]):
    for name, paths in made.items():
        for path in paths:
            assert named(path[0]) == name
            assert len(path) % 2 == 0
            assert all(said and not set("{}") & set(said) for said in path if "function" not in said)


def test_most_dialogues_are_long_enough_for_a_chat(made: dict[str, list[Dialogue]]):
    long = [path for paths in made.values() for path in paths if len(path) >= 2 * draws.CHAT_LEAST]
    assert len(long) > 0.7 * sum(map(len, made.values()))


def test_errands_open_every_service():
    first = {name.split()[0] for name in errands()}
    opened = {named(text).split()[0] for service in SERVICES.values() for text in service.opened}
    assert len(first) > 0.6 * len(opened)


def test_chats_go_on_more_often_than_other_streams(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(draws, "PLAN", ((4, 4, 24),))
    monkeypatch.setattr(draws, "MIXED", ((4, 1, 6),))
    monkeypatch.setattr(draws, "CHATS", (6, 40))
    monkeypatch.setattr(draws, "CHAT_FOLLOW_UPS", 1.0)
    own = {**errands(60), **lessons()}
    alone, mixed = draw_all(errands(90, seed=1), own)
    chats = [case for case in mixed if case.id.startswith("c")]
    assert share(chats) > share(alone) + 0.1
    assert {case.id.split("-")[0] for case in mixed} >= {"d1", "c0", "c5"}
    assert min(len(case.history) for case in mixed) == 2


def share(cases: list[draws.Case]) -> float:
    return sum(case.kind == "continue" for case in cases) / len(cases)
