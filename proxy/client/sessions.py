"""The two connections, over httpx: they send requests as they are described, and know nothing else."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from proxy.client.errors import refusal
from proxy.client.steps import Reply, Request

AGENT: Final = f"graft-client (Python {platform.python_version()})"
TIMEOUT_S: Final = 600.0
"""Models take their time."""


class HttpSession:
    """A blocking connection to one server, as one user."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, request: Request) -> Reply:
        """Raises GraftError, and httpx's own errors where there is no answer."""
        if request.listen is None:
            return _checked(self._client.request(**_spelt(request)))
        with self._client.stream(**_spelt(request)) as response:
            if response.is_error:
                response.read()
                return _checked(response)
            for line in response.iter_lines():
                request.listen(line)
        return Reply(response.headers, b"")

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncHttpSession:
    """An awaited connection to one server, as one user."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, request: Request) -> Reply:
        """Raises GraftError, and httpx's own errors where there is no answer."""
        if request.listen is None:
            return _checked(await self._client.request(**_spelt(request)))
        async with self._client.stream(**_spelt(request)) as response:
            if response.is_error:
                await response.aread()
                return _checked(response)
            async for line in response.aiter_lines():
                request.listen(line)
        return Reply(response.headers, b"")

    async def close(self) -> None:
        await self._client.aclose()


def options(url: str, api_key: str | None, user: str | None) -> dict[str, Any]:
    """How httpx is told of the server and of who asks."""
    headers = {"user-agent": AGENT}
    if api_key is not None:
        headers["authorization"] = f"Bearer {api_key}"
    if user is not None:
        headers["x-graft-user"] = user
    return {"base_url": url, "headers": headers, "timeout": TIMEOUT_S}


def _spelt(request: Request) -> Mapping[str, Any]:
    told: dict[str, Any] = {"method": request.method, "url": request.path, "params": dict(request.query)}
    if request.content is not None:
        return {**told, "content": request.content, "headers": {"content-type": "application/json"}}
    if request.json is not None:
        return {**told, "json": request.json}
    return told


def _checked(response: httpx.Response) -> Reply:
    if response.is_error:
        raise refusal(response.status_code, response.content)
    return Reply(response.headers, response.content)
