"""One question to the upstream; a context that it finds too long is cut tighter and asked once more."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from proxy.chat.prepared import Prepared
from proxy.context.tokens import estimate_all
from proxy.domain.beginning import Beginning, rest_of
from proxy.domain.ports import Upstream
from proxy.domain.turn import Asked, Chunk, Receipt, Served, Turn
from proxy.errors import ContextLengthExceeded


class Asking(Beginning[Chunk]):
    """The answer to a prepared context. Raises the UpstreamError family."""

    def __init__(self, upstream: Upstream, turn: Turn, prepared: Prepared, receipt: Receipt) -> None:
        self._upstream = upstream
        self._turn = turn
        self.prepared = prepared
        """What was sent last."""
        self.receipt = receipt
        """The account of what was sent last; it stands once the first chunk is there."""
        self.served = Served()
        """Who answers; likewise."""

    async def _first(self) -> Chunk:
        try:
            return await self._asked()
        except ContextLengthExceeded:
            tighter = self.prepared.tighter()
            if tighter is None:
                raise
        self.prepared = tighter
        self.receipt = tighter.account(self.receipt, estimate_all(self._turn.messages))
        return await self._asked()

    async def _asked(self) -> Chunk:
        answer = self._ask()
        try:
            first: Chunk = await answer.__anext__()
        except BaseException:
            await answer.aclose()
            raise
        self._rest = rest_of(answer)
        return first

    def _ask(self) -> AsyncGenerator[Chunk, None]:
        turn, wires = self._turn, [line.message.wire for line in self.prepared.context.lines]
        return self._upstream.ask(
            Asked(turn.model, wires, turn.options, turn.stream, turn.usage_wanted, turn.client.pass_on, self.served)
        )
