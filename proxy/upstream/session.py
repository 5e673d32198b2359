"""One pool of connections for all providers, and how long each stage of an answer may take.

The session is made in the event loop that first needs it and belongs to that loop. It follows no redirects (a key must not
travel on), keeps no cookies (one user's must not reach another's request), and uses the proxies named in the environment only
when the operator chose so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from proxy import __version__

if TYPE_CHECKING:
    import ssl

    import aiohttp  # imported when the first model is warmed up: it takes a tenth of a second

USER_AGENT = f"graft-proxy/{__version__}"
_DRAIN_S = 1.0
"""How long the end of a finished answer is waited for, so that its connection can be used again."""
_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each stage of an answer."""

    connect_s: float = 10.0
    first_token_s: float = 120.0
    """From the request to the first chunk."""
    idle_s: float = 60.0
    """The longest silence inside a stream."""
    whole_s: float = 600.0
    """A whole answer that is not streamed."""


class Session:
    """The shared connections; opened at first use."""

    def __init__(self, timeouts: Timeouts, *, trust_env: bool = False) -> None:
        self._connect_s = timeouts.connect_s
        self._trust_env = trust_env
        self._client: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: set[asyncio.Task[None]] = set()

    async def post(self, url: object, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Send a request; returns when the answer's head is there. Raises what aiohttp raises."""
        client = self._open()
        return await client.post(url, data=body, headers=headers, allow_redirects=False)  # type: ignore[arg-type]

    def give_back(self, response: aiohttp.ClientResponse) -> None:
        """Be done with an answer that was read to its last chunk."""
        if response.content.at_eof():
            response.release()
            return
        task = asyncio.get_running_loop().create_task(_drain(response))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            for task in self._draining:
                task.cancel()
            await asyncio.gather(*self._draining, return_exceptions=True)
            await client.close()

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            import aiohttp  # noqa: PLC0415

            self._loop = loop
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=trusted(), ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_s),
                headers={"User-Agent": USER_AGENT},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=self._trust_env,
                max_line_size=_HEADER_BYTES,
                max_field_size=_HEADER_BYTES,
            )
        return self._client


@cache
def trusted() -> ssl.SSLContext:
    """The system's authorities, and those that come with httpx: a slim container has none of its own.

    Reading them takes a while and needs no event loop, so warming up does it in a thread, beside the import of aiohttp.
    """
    import ssl  # noqa: PLC0415

    import aiohttp  # noqa: F401, PLC0415
    import certifi  # noqa: PLC0415

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read what stands behind the last chunk: nothing, as a rule, but the mark that the body has ended."""
    with contextlib.suppress(Exception):  # the answer is complete; this connection is then just not used again
        async with asyncio.timeout(_DRAIN_S):
            while await response.content.readany():
                pass
    response.close()
