"""One question to the upstream; a context that it finds too long is cut tighter and asked once more."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from proxy.chat.prepared import Prepared
from proxy.context.tokens import estimate_all
from proxy.domain.ports import Upstream
from proxy.domain.turn import Asked, Chunk, Receipt, Served, Turn
from proxy.errors import ContextLengthExceeded


class Asking:
    """A prepared context on its way to the upstream."""

    def __init__(self, upstream: Upstream, turn: Turn, prepared: Prepared, receipt: Receipt) -> None:
        self._upstream = upstream
        self._turn = turn
        self.prepared = prepared
        """What was sent last."""
        self.receipt = receipt
        """The account of what was sent last; it stands once the first chunk is there."""
        self.served = Served()
        """Who answers; likewise."""

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """The answer. Raises the UpstreamError family."""
        begun = False
        try:
            async with aclosing(self._ask()) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
                return
        except ContextLengthExceeded:
            tighter = None if begun else self.prepared.tighter()
            if tighter is None:
                raise
        self.prepared = tighter
        self.receipt = tighter.account(self.receipt, estimate_all(self._turn.messages))
        async with aclosing(self._ask()) as chunks:
            async for chunk in chunks:
                yield chunk

    def _ask(self) -> AsyncGenerator[Chunk, None]:
        turn, wires = self._turn, [message.wire for message in self.prepared.context.messages]
        return self._upstream.ask(
            Asked(turn.model, wires, turn.options, turn.stream, turn.usage_wanted, turn.client.pass_on, self.served)
        )
