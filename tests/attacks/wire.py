"""HTTP by hand: what no client library would send, and how a connection ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 60


class Raw:
    """One connection, a byte at a time if need be."""

    def __init__(self, url: str, receive_buffer: int | None = None) -> None:
        at = urlsplit(url)
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect((at.hostname, at.port))

    def send(self, data: bytes) -> None:
        """Send what the server still takes."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        got = b""
        while True:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                return got
            if not part:
                return got
            got += part

    def head(self) -> bytes:
        """What comes up to the end of the headers, and what came with it."""
        got = b""
        while b"\r\n\r\n" not in got:
            part = self.socket.recv(65536)
            if not part:
                break
            got += part
        return got

    def close(self) -> None:
        self.socket.close()


@contextmanager
def connected(url: str, **options: Any) -> Iterator[Raw]:
    raw = Raw(url, **options)
    try:
        yield raw
    finally:
        raw.close()


def request(path: str, body: bytes | None = None, *, method: str = "", **headers: str) -> bytes:
    """A request's bytes; header names with `_` for `-`."""
    told = {"host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body is not None:
        told = {"content-type": "application/json", "content-length": str(len(body)), **told}
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in told.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def answered(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one whole answer."""
    head, _, body = reply.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


def refusal(reply: bytes) -> tuple[int, str]:
    """Status and message of an error in OpenAI's shape."""
    status, headers, body = answered(reply)
    assert headers["content-type"] == "application/json"
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return status, error["message"]
