"""An answer that is JSON already: sent as it is, without what Litestar does for answers that it still has to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.types import Receive, Scope, Send

_JSON = (b"content-type", b"application/json")


class Written(Response[bytes]):
    """Bytes of JSON under headers whose names are in lower case."""

    def __init__(self, content: bytes, headers: Mapping[str, str]) -> None:
        self.content = content
        self.headers = headers  # type: ignore[assignment]  # nobody adds to them

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> Any:  # noqa: ARG002
        return self._send

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        content = self.content
        headers = [*encoded(self.headers), _JSON, (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as they are sent."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
