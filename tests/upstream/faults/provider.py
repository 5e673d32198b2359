"""A provider on loopback that can do anything to a connection: raw sockets, a thread for each."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

TEXT = "Grüße 👋"
FRAME = {"id": "c1", "created": 5, "model": "faulty-1"}
GOOD = "/good"
"""A path that begins like this is answered as it should be."""

Fault = Callable[["Wire"], None]


@dataclass
class Wire:
    """One request, and the connection to do something to."""

    connection: socket.socket
    head: bytes
    body: dict[str, Any]
    left: threading.Event
    """Set when the provider stops: whoever hangs waits for it."""

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def answer(self, *pieces: bytes, status: str = "200 OK", **headers: str) -> None:
        """A head and a body that ends with the connection, unless a length is told."""
        kind = "text/event-stream" if self.streams else "application/json"
        told = {"content-type": kind, "connection": "close"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        self.send("\r\n".join(lines).encode(), *pieces)

    def good(self, text: str = TEXT) -> bytes:
        """The body of an answer as it should be."""
        return stream(text) if self.streams else json.dumps(whole(text), ensure_ascii=False).encode()


def whole(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**FRAME, "object": "chat.completion", "choices": [choice]}


def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk = {**FRAME, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream(text: str) -> bytes:
    return event({"role": "assistant", "content": text}) + event({}, "stop") + DONE


@dataclass
class Provider:
    """The running provider, and what it was asked."""

    port: int
    fault: Fault = lambda wire: wire.answer(wire.good())
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def faulty() -> Iterator[Provider]:
    """Start the provider, and stop it with the block."""
    left = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, ValueError):
                wire = heard(self.request, left)
                provider.heads.append(wire.head)
                if wire.head.partition(b" ")[2].startswith(GOOD.encode()):
                    wire.answer(wire.good())
                else:
                    provider.fault(wire)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        provider = Provider(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield provider
        finally:
            left.set()
            server.shutdown()
            thread.join()


def heard(connection: socket.socket, left: threading.Event) -> Wire:
    """One request, whole. Raises ValueError where none comes."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (data := connection.recv(65536)):
            raise ValueError("hung up")
        head += data
    head, _, body = head.partition(b"\r\n\r\n")
    size = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < size:
        body += connection.recv(65536)
    return Wire(connection, head, json.loads(body or b"{}"), left)
