"""Asides: requests that are answered from what they sent, never placed and never stored.

Only their hashes are remembered, so that a client which goes on from one is understood: seen again, they are forwarded and still
become no nodes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from proxy.chat.collect import Fold
from proxy.chat.record import check_ended, continued
from proxy.chat.request import Request, rows
from proxy.domain import fingerprint
from proxy.domain.ports import TreeStore, Upstream
from proxy.domain.transcript import Seen
from proxy.domain.turn import Asked, Chunk, Served

OFF = "policy off"
"""What is said of a request that is no helper's, but whose policy is `off`."""
UNSAID = "no user message"
"""What is said of a request in which nobody asks anything: instructions alone, or replies alone."""


async def answer(
    store: TreeStore, upstream: Upstream, request: Request, name: str, served: Served
) -> AsyncGenerator[Chunk, None]:
    """Forward a request as it is and pass the answer on; it is counted under its name."""
    turn = request.turn
    wires = [message.wire for message in turn.messages]
    fold = Fold()
    asked = Asked(turn.model, wires, turn.options, turn.stream, turn.usage_wanted, turn.client.pass_on, served)
    async with aclosing(upstream.ask(asked)) as chunks:
        async for chunk in chunks:
            fold.add(chunk)
            if chunk.texts is None and chunk.is_whole:
                check_ended(fold, turn.model)
                await store.aside(request.user.id, _hashes(request, fold), name)
            yield chunk
    check_ended(fold, turn.model)
    if turn.stream:
        await store.aside(request.user.id, _hashes(request, fold), name)


def _hashes(request: Request, fold: Fold) -> list[Seen]:
    transcript = request.transcript
    if not transcript.asks:
        return []
    last = len(transcript.said)
    before = transcript.links[-2].chain if last > 1 else fingerprint.NOTHING
    seen = rows(transcript, last - 1, last, before, (), conversation="")
    assistants = fingerprint.last_assistants(transcript.links)
    before = seen[-1].chain
    for message in fold.completion().messages:
        reply = continued(transcript.prefill, message)
        link = fingerprint.extend(transcript.links[-1], assistants, reply, request.user.secret)
        seen.append(Seen(link.chain, before, link.folded, link.assistants, "assistant", "aside", None, None, ""))
    return seen
