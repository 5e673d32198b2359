"""Attributes of a blocking discussion: setting one writes it, reading one shows what the server has."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.client import AsyncDiscussion, Graft
from tests.doubles.served import Served


@pytest.fixture
def talk(graft: Served) -> Any:
    key, _ = graft.key()
    with Graft(graft.url, key) as person:
        yield person.create_discussion(title="One")


def test_what_is_set_is_kept_on_the_server(talk: Any) -> None:
    told = {
        "title": "Two",
        "system_prompt": "Be brief.",
        "participants": {"Nora": "user"},
        "max_context_size": 4096,
    }
    live = {
        "user_data_zone": "By the sea.",
        "discussion_data_zone": "In the shade.",
        "memory": "Ferns.",
        "scratchpad": "1",
    }
    for name, value in {**told, **live}.items():
        setattr(talk, name, value)
        assert getattr(talk, name) == value
    talk.refresh()
    assert {name: getattr(talk, name) for name in told} == told
    talk.participants = {"Ben": "user"}
    assert talk.participants == {"Ben": "user"}
    talk.system_prompt = None
    assert talk.system_prompt is None


def test_the_zone_of_a_personality_is_that_personality(talk: Any) -> None:
    assert talk.personality_data_zone == ""
    with pytest.raises(ValueError, match="no personality"):
        talk.personality_data_zone = "Ask back."
    talk.calls.home.create_personality("tutor")
    talk.personality = "tutor"
    talk.personality_data_zone = "Ask back."
    assert talk.personality_data_zone == "Ask back."


def test_the_active_branch_follows_what_is_said(talk: Any) -> None:
    assert talk.active_branch_id is None
    node = talk.add_message("user", "Why?")
    assert talk.active_branch_id == node.id
    with pytest.raises(AttributeError):
        talk.active_branch_id = "other"


def test_an_awaited_discussion_shows_and_takes_no_assignment() -> None:
    told = {"id": "t_1", "name": "talk", "title": "One"}
    discussion = AsyncDiscussion.__new__(AsyncDiscussion)
    discussion.calls = type("Calls", (), {"told": told})()
    assert discussion.title == "One"
    with pytest.raises(AttributeError):
        discussion.title = "Two"


def test_a_misspelt_attribute_is_an_error_and_not_lost(talk: Any) -> None:
    for name in ("discussion_zone", "sytem_prompt"):
        with pytest.raises(AttributeError):
            setattr(talk, name, "It is dry.")
    with pytest.raises(AttributeError):
        talk.add_message("user", "Why?").contents = "How?"
