"""What was answered and not remembered, by name and number."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from pydantic import Field

from proxy.api.tree.wire import BUSY, Asker, Out
from proxy.store.sqlite import SqliteStore


class AsideOut(Out):
    """One kind of request that was answered and not remembered."""

    name: str = Field(
        description="The rule that knew it, `task ...` as the client called it, `sub-agent`, or `policy off`.",
        examples=["open-webui title"],
    )
    count: int = Field(examples=[12])
    last_at: float = Field(description="When it came last, in seconds since 1970.", examples=[1767225600.0])


class AsidesOut(Out):
    """All of them, the commonest first."""

    data: list[AsideOut]
    total: int = Field(description="Of all kinds together.", examples=[12])


def routes(store: SqliteStore) -> list[HTTPRouteHandler]:
    """The route over a store."""

    @get("/asides", summary="What was answered and not remembered", responses=BUSY)
    async def asides(caller: Asker) -> AsidesOut:
        """Helper requests of the caller's clients, and what came under the policy `off`. Nothing of their text is kept."""
        found = await store.asides(caller.user_id)
        listed = [AsideOut(name=one.name, count=one.count, last_at=one.last_at) for one in found]
        return AsidesOut(data=listed, total=sum(one.count for one in found))

    return [asides]
