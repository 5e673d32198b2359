"""Asking when unsure, over the served app: thresholds so wide that every placement elsewhere is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served, serving

BREAD = "How do I bake a sourdough bread with a dark crust at home?"
TRAIN = "Which night trains run from Vienna to Venice in spring?"
BACK = "Back to the sourdough bread: how long does the dark crust take?"
ENDING = "Answer yes to move it there.)"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    settings = {"routing": {"ask": True, "ask_between": [0, 1]}}
    with serving(tmp_path_factory.mktemp("asking"), upstream_process, settings) as served:
        served.key("keeper")
        yield served


class Hopping:
    """A chat that has talked of bread, and then of trains."""

    def __init__(self, served: Served, upstream: UpstreamDouble) -> None:
        upstream.reset()
        key, self.user = served.key()
        self.chat = Linear(served.client(key))
        upstream.say("Bake the sourdough bread hot, in a pot, and the crust gets dark.")
        self.chat.say(BREAD)
        self.bread = self.chat.node
        upstream.say("The night train to Venice leaves Vienna in the evening.")
        self.chat.headers = {"X_Graft_Parent": "root"}
        self.chat.say(TRAIN)
        self.chat.headers = {}
        self.trains = self.chat.node


@pytest.fixture
def hopping(asking: Served, upstream: UpstreamDouble) -> Hopping:
    return Hopping(asking, upstream)


@pytest.mark.parametrize("stream", [True, False])
def test_the_line_stands_behind_the_reply_and_a_yes_moves_the_turn(
    asking: Served, upstream: UpstreamDouble, hopping: Hopping, stream: bool
) -> None:
    chat = hopping.chat
    upstream.say("It takes an hour.", "Forty minutes.")
    told = chat.say(BACK, stream=stream)
    assert told == f'It takes an hour.\n\n(Graft: this looks like it belongs to "{BREAD}". {ENDING}'
    assert (chat.route, chat.parent) == ("continue", hopping.trains)
    assert chat.say("yes", stream=stream) == "Forty minutes."
    nodes = {node.id: node for node in asking.nodes(hopping.user)}
    question = nodes[nodes[chat.node].parent_id]
    assert (question.message.text, question.parent_id) == (BACK, hopping.bread)
    assert not any("Graft" in node.message.text or node.message.text == "yes" for node in nodes.values())
    sent = [message["content"] for message in upstream.bodies()[-1]["messages"]]
    assert (sent[0], sent[-1], TRAIN in sent) == (BREAD, BACK, False)
    assert asking.violations() == []


@pytest.mark.parametrize("stream", [True, False])
def test_an_ordinary_turn_lets_the_offer_lapse(upstream: UpstreamDouble, hopping: Hopping, stream: bool) -> None:
    chat = hopping.chat
    chat.say(BACK, stream=stream)
    reply = chat.node
    chat.say("And which of them has sleeping cars?", stream=stream, extra_headers={"X-Graft-Route": "follow"})
    assert (chat.route, chat.parent) == ("follow", reply)
    assert not any("Graft" in message["content"] for message in upstream.bodies()[-1]["messages"])


@pytest.mark.parametrize(
    "options",
    [
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]},
    ],
)
def test_tools_and_json_get_no_line(hopping: Hopping, options: dict[str, Any]) -> None:
    assert ENDING not in hopping.chat.say(BACK, **options)
    assert hopping.chat.route == "return"


def test_the_streamed_line_is_a_chunk_of_openai_s_shape(hopping: Hopping) -> None:
    chat = hopping.chat
    chat.history.append({"role": "user", "content": BACK})
    options = {"stream_options": {"include_usage": True}}
    chunks = list(chat.client.chat.completions.create(model="gpt-test", messages=chat.history, stream=True, **options))
    *spoken, last, usage = chunks
    assert (spoken[-1].choices[0].delta.content or "").endswith(ENDING)
    assert (last.choices[0].finish_reason, usage.choices) == ("stop", [])
    assert usage.usage is not None
    assert len({(chunk.id, chunk.model, chunk.object) for chunk in chunks}) == 1


def test_a_receipt_tells_what_was_offered(asking: Served, hopping: Hopping) -> None:
    chat = hopping.chat
    chat.say(BACK)
    reply = next(node for node in asking.nodes(hopping.user) if node.id == chat.node)
    call = asking.ask(lambda store: store.call(hopping.user, reply.call_id))
    assert call.receipt["offered"] == hopping.bread


def test_nobody_is_asked_unless_it_is_configured(graft: Served, upstream: UpstreamDouble) -> None:
    chat = Hopping(graft, upstream).chat
    assert ENDING not in chat.say(BACK)
    assert chat.route == "return"
