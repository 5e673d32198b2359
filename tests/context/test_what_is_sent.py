"""The order of a context, and what stands in it word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.context import zones
from proxy.context.compose import compose, verbatim
from proxy.context.marking import marked
from proxy.domain.message import Message, said
from proxy.domain.tree import NodeId
from tests.context.scenes import WIDE, calls, chain, draft, result, talk, texts, zone

USER, TREE = zone("user", "Likes rye."), zone("discussion", "We bake on Sunday.")
RYE = marked("user", "zone", "Likes rye.")
BRIEF = said("system", "Be brief.")


def test_system_zones_path_and_turn_stand_in_this_order() -> None:
    sent = compose(draft(talk(1), system=[BRIEF], zones=[USER, TREE], tree_prompt="Unused."), WIDE).messages
    assert [message.role for message in sent] == ["system", "system", "user", "assistant", "user"]
    assert sent[0] is BRIEF
    assert sent[1].text == f"{RYE}\n\n{marked('discussion', 'zone', 'We bake on Sunday.')}"
    assert texts(sent[2:]) == ["question 0", "answer 0", "new"]


def test_the_clients_system_messages_are_neither_merged_nor_moved() -> None:
    system = [BRIEF, said("developer", "Use tabs."), said("system", "Today is Monday.")]
    assert compose(draft(system=system), WIDE).messages[:3] == system


def test_the_trees_prompt_speaks_only_when_the_client_brings_none() -> None:
    assert texts(compose(draft(tree_prompt="You bake."), WIDE).messages) == ["You bake.", "new"]
    assert texts(compose(draft(system=[BRIEF], tree_prompt="You bake."), WIDE).messages) == ["Be brief.", "new"]


def test_zones_without_text_make_no_message() -> None:
    assert compose(draft(zones=[zone("user", " \n")]), WIDE).messages == [said("user", "new")]


def test_merged_zones_stand_in_the_last_system_message() -> None:
    named = Message({"role": "system", "content": "Use tabs.", "name": "rules"})
    sent = [line.message for line in zones.head([BRIEF, named], [USER], "merge")]
    assert sent[0] is BRIEF
    assert sent[1].wire == {
        "role": "system",
        "content": f"Use tabs.\n\n{RYE}",
        "name": "rules",
    }
    assert named.text == "Use tabs."


@pytest.mark.parametrize("system", [[], [Message({"role": "system", "content": [{"type": "text", "text": "Hi"}]})]])
def test_zones_that_cannot_be_merged_stand_alone(system: list[Message]) -> None:
    assert [line.message for line in zones.head(system, [USER], "merge")] == [*system, said("system", RYE)]


def test_what_no_node_holds_stands_where_the_client_put_it() -> None:
    path = talk(2)
    loose = {
        None: [said("user", "an example")],
        path[1].id: [said("system", "It is noon.")],
        "n_elsewhere": [said("user", "about another branch")],
    }
    sent = texts(compose(draft(path, system=[BRIEF], loose=loose), WIDE).messages)
    assert sent == [
        "Be brief.",
        "an example",
        "about another branch",
        "question 0",
        "answer 0",
        "It is noon.",
        "question 1",
        "answer 1",
        "new",
    ]


def test_a_rewritten_turn_is_sent_in_the_clients_words() -> None:
    path = talk(1)
    mine = said("user", "question 0, and mind the rules")
    sent = compose(draft(path, wording={path[0].id: mine}), WIDE)
    assert texts(sent.messages) == ["question 0, and mind the rules", "answer 0", "new"]
    assert sent.path == path


def test_empty_fields_that_another_provider_answered_with_are_not_sent_back() -> None:
    reply = Message({"role": "assistant", "content": None, "refusal": "No.", "annotations": [], "audio": None})
    path = chain([said("user", "Hi"), reply])
    assert compose(draft(path), WIDE).messages[1].wire == {"role": "assistant", "content": None, "refusal": "No."}


def test_verbatim_changes_nothing_but_adds_the_zones() -> None:
    came = [BRIEF, said("user", "a"), said("system", "Noon."), said("user", "b")]
    assert [line.message for line in verbatim(came, [], "system")] == came
    assert texts(line.message for line in verbatim(came, [USER], "system")) == ["Be brief.", RYE, "a", "Noon.", "b"]
    assert texts(line.message for line in verbatim(came, [USER], "merge"))[0] == f"Be brief.\n\n{RYE}"
    assert texts(line.message for line in verbatim([BRIEF], [USER], "system")) == ["Be brief.", RYE]


def test_verbatim_sends_what_hangs_on_a_node_behind_it_wherever_system_text_stands() -> None:
    came = [BRIEF, said("user", "a"), said("system", "Noon."), said("assistant", "b"), said("user", "c")]
    hanging = replace(zone("node", "Mind this."), node_id=NodeId("n2"))
    lines = verbatim(came, [hanging], "system", [NodeId("n1"), NodeId("n2"), None])
    marked_so = marked("node", "zone", "Mind this.")
    assert texts(line.message for line in lines) == ["Be brief.", "a", "Noon.", "b", marked_so, "c"]
    assert [line.node_id for line in lines] == [None, "n1", None, "n2", "n2", None]


def test_a_call_that_nobody_answered_is_not_sent() -> None:
    path = chain([said("user", "Weather?"), calls("a", "b", text="Let me look."), result("a")])
    assert [message.wire for message in compose(draft(path), WIDE).messages] == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Let me look."},
        {"role": "user", "content": "new"},
    ]
    silent = chain([said("user", "Weather?"), calls("a")])
    assert texts(compose(draft(silent), WIDE).messages) == ["Weather?", "new"]


def test_answered_calls_are_sent_with_their_results() -> None:
    messages = [said("user", "Weather?"), calls("a", "b"), result("b"), result("a"), said("assistant", "Rain.")]
    assert compose(draft(chain(messages)), WIDE).messages == [*messages, said("user", "new")]


def test_results_in_the_new_turn_answer_the_last_calls_of_the_path() -> None:
    path = chain([said("user", "Weather?"), calls("a", "b")])
    turn = [result("a"), result("b")]
    assert compose(draft(path, turn), WIDE).messages == [*(node.message for node in path), *turn]


def test_a_result_that_the_client_alone_knows_is_sent() -> None:
    loose = {None: [calls("x"), result("x")]}
    assert compose(draft(talk(1), loose=loose), WIDE).messages[:2] == loose[None]
