"""One pool of connections for all providers, and how long each stage of an answer may take.

The session is made in the event loop that first needs it and belongs to that loop. It follows no redirects (a key must not
travel on), keeps no cookies (one user's must not reach another's request), and reads no `.netrc`. The proxies that the environment
names (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) are used for all but this machine's own addresses, unless the operator
chose otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy import __version__
from proxy.errors import ConfigError
from proxy.upstream.connections import Sending, connector, tell_of_broken_bodies
from proxy.upstream.deadlines import Deadlines

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
    stream_s: float = 3600.0
    """A whole answer that is streamed, however busily."""
    answer_bytes: int = 64 * 2**20
    """No wait, but the other end that an endless answer has: its size, unpacked."""


class Session:
    """The shared connections; opened at first use."""

    def __init__(self, timeouts: Timeouts, *, trust_env: bool = True) -> None:
        self._connect_s = timeouts.connect_s
        self._proxies = Proxies(urllib.request.getproxies() if trust_env else {})
        self._clients: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None
        """One that keeps its connections, and one that makes a new one each time."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: set[asyncio.Task[None]] = set()
        self.deadlines = Deadlines()

    async def post(self, url: object, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Send a request; returns when the answer's head is there. Raises what aiohttp raises.

        Where a connection that was kept turns out to be closed, it goes out once more, on a new one.
        """
        client, anew = self._open()
        proxy = self._proxies.of(str(url)) if self._proxies else None
        sending = Sending()
        try:
            return await client.post(url, data=body, headers=headers, proxy=proxy, allow_redirects=False)  # type: ignore[arg-type]
        except Exception as exc:
            if not sending.was_unheard(exc):
                raise
        return await anew.post(url, data=body, headers=headers, proxy=proxy, allow_redirects=False)  # type: ignore[arg-type]

    def give_back(self, response: aiohttp.ClientResponse) -> None:
        """Be done with an answer that was read to its last chunk."""
        if response.content.at_eof():
            response.release()
            return
        task = asyncio.get_running_loop().create_task(_drain(response))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def close(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None and self._loop is asyncio.get_running_loop():
            for task in self._draining:
                task.cancel()
            await asyncio.gather(*self._draining, return_exceptions=True)
            for client in clients:
                await client.close()

    def _open(self) -> tuple[aiohttp.ClientSession, aiohttp.ClientSession]:
        loop = asyncio.get_running_loop()
        if self._clients is None or self._loop is not loop:
            tell_of_broken_bodies()
            self._loop = loop
            self._clients = self._client(), self._client(force_close=True)
        return self._clients

    def _client(self, **pooling: bool) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415

        return aiohttp.ClientSession(
            connector=connector(limit=0, ssl=trusted(), ttl_dns_cache=60, **pooling),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_s),
            headers={"User-Agent": USER_AGENT},
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )


class Proxies:
    """The proxies that stand between here and a provider; false where there are none. aiohttp would ask for them in a thread each time."""

    def __init__(self, named: Mapping[str, str]) -> None:
        found = {scheme: named.get(scheme) or named.get("all") for scheme in ("http", "https")}
        self._named = {scheme: url for scheme, url in found.items() if url}
        for scheme, url in self._named.items():
            if not url.startswith(("http://", "https://")):
                raise ConfigError(
                    f"The {scheme} proxy that the environment names is none of HTTP. Name another, or set upstream.trust_env to false."
                )
        self._of: dict[tuple[str, str], str | None] = {}

    def __bool__(self) -> bool:
        return bool(self._named)

    def of(self, url: str) -> str | None:
        """The proxy for an address, or `None` where it is asked directly."""
        parts = urlsplit(url)
        asked = parts.scheme, parts.netloc.rpartition("@")[2]
        if asked not in self._of:
            self._of[asked] = self._found(*asked, parts.hostname or "")
        return self._of[asked]

    def _found(self, scheme: str, host: str, name: str) -> str | None:
        if _is_here(name) or urllib.request.proxy_bypass(host):
            return None
        return self._named.get(scheme)


def _is_here(name: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


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
