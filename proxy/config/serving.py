"""How the server listens, what it takes, how it tells of itself, and what keys may ask."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from proxy.config.section import Section


class ServerSettings(Section):
    host: str = "127.0.0.1"
    """Anything but loopback needs at least one key (`graft keys add`)."""
    port: int = Field(default=4800, ge=0, le=65535)
    """0 takes any free port."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that serve, on one database file; each holds models and trees of its own in memory."""
    first_key: bool = False
    """On another address than loopback, with no key yet: make one for the user `admin` and print it, instead of refusing to start."""
    max_body_mb: float = Field(default=64, gt=0)
    """Larger request bodies are refused with 413."""
    max_bodies_mb: float = Field(default=1000, gt=0)
    """Of all bodies that are being read or answered; above it, further requests are told to come back."""
    max_messages: int = Field(default=20_000, ge=1)
    """Messages of one request."""
    max_tools: int = Field(default=1000, ge=1)
    """Tools of one request."""
    max_images: int = Field(default=1000, ge=0)
    """Images and files of one request, in all of its messages."""
    max_url_kb: float = Field(default=16, gt=0)
    """Longer URLs are refused with 414."""
    max_headers: int = Field(default=200, ge=1)
    max_headers_kb: float = Field(default=64, gt=0)
    """Requests with more of them, by number or by size, are refused with 431."""
    max_connections: int = Field(default=2000, ge=1)
    """Open connections; on further ones requests are told to come back."""
    head_s: float = Field(default=15.0, gt=0)
    """Longest wait for a request's headers."""
    body_s: float = Field(default=30.0, gt=0)
    body_kb_s: float = Field(default=8.0, gt=0)
    """Longest wait for a request's body: so many seconds, and one more for each of so many kilobytes."""
    unread_s: float = Field(default=60.0, gt=0)
    """A client that leaves an answer unread for so long is disconnected."""
    cors_origins: tuple[str, ...] = ()
    """Web pages, as `https://host:port`, whose scripts may call this server; `*` for all, once there are keys."""
    keep_alive_s: float = Field(default=15.0, gt=0)
    """Longest silence in a stream before a comment keeps its connection open."""
    grace_s: float = Field(default=8.0, ge=0)
    """How long requests that are being answered may go on once the server was asked to stop."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    """Lines for people, or a JSON object a line."""
    log_content: bool = False
    """Whether what is said is written to the log."""
    max_at_once: int = Field(default=1000, ge=1)
    """Requests that models are asked at the same time; further ones are told to come back."""


class LimitSettings(Section):
    """For keys that carry no limits of their own."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_day: int | None = Field(default=None, ge=1)
    at_once: int | None = Field(default=None, ge=1)
    """Requests under one key that are answered at the same time."""


class MetricSettings(Section):
    """`GET /metrics`."""

    enabled: bool = True
    token: SecretStr | None = None
    """What whoever asks from another machine must show: `os.environ/NAME`. Without one, this machine alone may ask."""


class TraceSettings(Section):
    """Traces for OpenTelemetry."""

    enabled: bool = False
    endpoint: str | None = None
    """Where they are sent over OTLP/HTTP; unset, where the variables of OpenTelemetry say."""
    share: float = Field(default=1.0, ge=0, le=1)
    """How many of the traces that begin here are kept."""
    content: bool = False
    """Whether spans hold what was said."""
