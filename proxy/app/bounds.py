"""The bounds of what a client may send and how long it may take, as the configuration has them."""

from __future__ import annotations

from proxy.api.arriving import Patience
from proxy.api.connection import Bounds
from proxy.api.openai.wire import Most
from proxy.config import ServerSettings


def of_connection(server: ServerSettings) -> Bounds:
    return Bounds(
        connections=server.max_connections,
        url_bytes=int(server.max_url_kb * 1024),
        header_bytes=int(server.max_headers_kb * 1024),
        headers=server.max_headers,
        head_s=server.head_s,
        unread_s=server.unread_s,
    )


def patience(server: ServerSettings) -> Patience:
    return Patience(server.body_s, server.body_kb_s * 1000, int(server.max_bodies_mb * 1_000_000))


def most(server: ServerSettings) -> Most:
    return Most(server.max_messages, server.max_tools, server.max_images)
