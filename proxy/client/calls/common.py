"""What the calls share: the way from answers to objects, lists read to their end, and which fields are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from proxy.client.records import Wire
from proxy.client.steps import Endpoint, Steps

D_co = TypeVar("D_co", covariant=True)
M_co = TypeVar("M_co", covariant=True)

PAGE = 1_000
"""Items that one request asks for."""


class Home(Protocol[D_co, M_co]):
    """Makes objects of answers; those of a blocking client are blocking, and so on."""

    def discussion(self, told: Wire, *, temporary: bool = False) -> D_co: ...
    def message(self, told: Wire) -> M_co: ...


def told_only(**fields: object) -> dict[str, Any]:
    """The fields that are not `None`."""
    return {name: value for name, value in fields.items() if value is not None}


def every(
    endpoint: Endpoint, query: Mapping[str, object] | None = None, *, cursor: str = "after", **ids: str
) -> Steps[list[Wire]]:
    """All items of a list, page by page."""
    found: list[Wire] = []
    after: str | None = None
    while True:
        reply = yield endpoint.at(ids, {"limit": PAGE, **(query or {}), cursor: after})
        page = reply.json
        found += page["data"]
        if not page.get("has_more"):
            return found
        after = page["last_id"]
