"""Whatever the path, the window and the tokenizer: what is sent stays under the margin, or the turn is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.chat.prepare import Preparation
from proxy.context.compose import Context, Draft, Window
from proxy.context.tokens import weight
from proxy.domain.message import Message, said
from proxy.domain.summary import Cut, Shortened, Summary
from proxy.domain.tree import NodeId, TreeId
from proxy.domain.zone import Piece
from proxy.errors import ContextTooSmall
from tests.context.scenes import calls, chain, result

TEXT = st.text("ab \n\u00e9\u65e5\U0001f600.", max_size=60)
SIZES = st.integers(0, 900)


class Tokenizer:
    """Makes a token of so many bytes."""

    def __init__(self, bytes_a_token: float) -> None:
        self.bytes_a_token = bytes_a_token

    def count(self, model: str, text: str) -> int:
        return -int(-len(text.encode()) // self.bytes_a_token)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    messages: list[Message] = []
    for number in range(draw(st.integers(0, 12))):
        messages.append(said("user", draw(TEXT) * draw(st.integers(0, 12))))
        if draw(st.booleans()):
            messages += [calls(f"c{number}"), result(f"c{number}", draw(TEXT))]
        messages.append(said("assistant", draw(TEXT)))
    path = chain(messages)
    counted = draw(st.booleans())
    bytes_a_token = draw(st.sampled_from([1.0, 2.5, 4.0, 8.0]))
    tokenizer = Tokenizer(bytes_a_token)
    if counted:
        path = [node._replace(tokens=weight(node.message, lambda text: tokenizer.count("m", text))) for node in path]
    ends = [node for node in path if node.message.role == "assistant" and not node.message.tool_calls]
    summaries = [
        Summary(f"s{i}", TreeId("t"), node.id, None, draw(st.sampled_from(["asked", "auto"])), draw(TEXT), 9, "m", 1.0)
        for i, node in enumerate(ends)
        if draw(st.integers(0, 4)) == 0
    ]
    cuts = [Cut(path[-1].id, node.id, draw(SIZES)) for node in path if draw(st.integers(0, 6)) == 0]
    nodes: list[NodeId | None] = [None, *(node.id for node in path)]
    zones = [
        Piece("node" if at else "user", "zone", draw(TEXT), at)
        for at in draw(st.lists(st.sampled_from(nodes), max_size=3))
    ]
    return Draft(
        system=draw(st.lists(TEXT.map(lambda text: said("system", text)), max_size=2)),
        path=path,
        turn=[said("user", draw(TEXT) * draw(st.integers(0, 20)))],
        zones=sorted(zones, key=lambda piece: piece.node_id is not None),
        zones_as=draw(st.sampled_from(["system", "merge", "user"])),
        known=Shortened(tuple(summaries), tuple(cuts)),
        beside_tokens=draw(st.integers(0, 20)),
    )


def fitted(draft: Draft, window: Window, tokenizer: Tokenizer) -> Context:
    preparation = Preparation(cast("Any", None), cast("Any", tokenizer), "auto")
    request = SimpleNamespace(window=window, turn=SimpleNamespace(model="m"))
    tree = SimpleNamespace(max_context_tokens=None)
    _, context = asyncio.run(preparation._fitted(cast("Any", request), cast("Any", tree), draft))
    return context


@settings(max_examples=300, deadline=None)
@given(drafts(), SIZES.map(lambda size: size + 40), st.sampled_from([1.0, 2.5, 4.0, 8.0]))
def test_what_is_sent_stays_under_the_margin_and_keeps_what_must_be_kept(
    draft: Draft, tokens: int, bytes_a_token: float
) -> None:
    tokenizer = Tokenizer(bytes_a_token)
    draft = replace(
        draft,
        path=[n._replace(tokens=n.tokens and weight(n.message, lambda t: tokenizer.count("m", t))) for n in draft.path],
    )
    window = Window(tokens, reply_tokens=10, margin=0.05)
    try:
        context = fitted(draft, window, tokenizer)
    except ContextTooSmall:
        return
    exact = sum(weight(message, lambda text: tokenizer.count("m", text)) for message in context.messages)
    assert exact + draft.beside_tokens <= int(tokens * 0.95) - 10
    sent = "\n".join(message.text for message in context.messages)
    assert all(message.text in sent for message in [*draft.system, *draft.turn])
    kept = {node.id for node in context.path}
    assert context.left_out + context.summarised + len(kept) == len(draft.path)
    assert [node for node in draft.path if node.id in kept] == list(context.path)
    assert list(context.path) == list(draft.path)[len(draft.path) - len(kept) :]
    called: set[object] = set()
    for message in context.messages:
        assert message.role != "tool" or message.tool_call_id in called
        called |= {call.get("id") for call in message.tool_calls}
    answered = {message.tool_call_id for message in context.messages if message.role == "tool"}
    assert called == answered
