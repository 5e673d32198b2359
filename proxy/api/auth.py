"""Who is asking: the bearer key, or the lone user of a server without keys.

Keys are random, shown once and stored as digests. As long as none exists, the server answers on loopback only, as user `local`: then
any web page could post to it, so the `Host` and `Origin` headers must name this machine, and bodies must be JSON.

Under an `app` key one frontend or backend serves many people: each is a user of its own in the key's namespace. A `person` key is one
user, whatever the headers say.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from litestar import Request

from proxy.api import leaving
from proxy.api.heard import heard
from proxy.api.metering import Meter, Permit
from proxy.api.signed_user import SignedUsers
from proxy.domain.placement import Policy
from proxy.domain.tree import UserId
from proxy.domain.turn import Caller, KeyKind, Limits
from proxy.errors import Forbidden, InvalidRequest, StoreError, Unauthenticated
from proxy.operations.entry import current

LOCAL = Caller(user_id=UserId("local"), key_id="local", kind="person")
"""The lone user of a server without keys."""

PERMIT = "graft_permit"
"""Where a request's state holds its permit."""

LIMITS = "graft_limits"
"""Where a request's state holds what tells how much of its key's limits is left."""

LONGEST_NAME = 500
"""Characters of a sub-user's name."""

_JSON = "application/json"

KNOWN_FOR_S = 2.0
"""How long a key's row is trusted before it is read again: a revoked key works at most this much longer."""


class Key(Protocol):
    """One stored key, as far as it matters here."""

    @property
    def id(self) -> str: ...
    @property
    def user_id(self) -> UserId: ...
    @property
    def kind(self) -> KeyKind: ...
    @property
    def policy(self) -> Policy | None: ...
    @property
    def honours_store(self) -> bool: ...
    @property
    def limits(self) -> Limits: ...


class KeyStore(Protocol):
    """Where keys are kept."""

    async def key_by_digest(self, digest: str) -> Key | None:
        """The valid key with this digest."""
        ...

    async def has_keys(self) -> bool: ...


class Visitor(NamedTuple):
    """Who asks, as far as that is known before a body is read."""

    headers: Mapping[str, str]
    mark: str | None
    """The digest of the key; `None` where the server has no keys."""


def new_key() -> str:
    """A key to be shown once."""
    return "sk-graft-" + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What is stored of a key; keys are random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(key.encode()).hexdigest()


class Gatekeeper:
    """Turns a request into a `Caller`."""

    def __init__(
        self,
        keys: KeyStore,
        user_headers: Sequence[str],
        origins: Sequence[str] = (),
        signed: SignedUsers | None = None,
        meter: Meter | None = None,
        abandoned_s: float | None = None,
    ) -> None:
        """Name who is trusted.

        Args:
            user_headers: Headers in which the holder of an `app` key names its sub-user.
            origins: Web pages that may use a server without keys; `*` names none of them.
            signed: Who is named by signed tokens. With them, nobody is named in any other way.
            meter: How much may be asked; without one, as much as anybody likes.
            abandoned_s: How long a model is still waited for when the client has left; `None` is to the end.
        """
        self._meter = meter or Meter(at_once=sys.maxsize, usual=Limits())
        self._signed = signed
        self._abandoned_s = abandoned_s
        self._keys = keys
        self._origins = frozenset(origins) - {"*"}
        self._user_headers = tuple(name.lower() for name in user_headers)
        self._known: dict[str, tuple[Key | None, float]] = {}
        self._is_guarded = False
        """Whether there are keys: once there are, there always are."""
        self._looked_at = -math.inf

    async def caller(
        self,
        request: Request[Any, Any, Any],
        body: Mapping[str, Any] | None = None,
        visitor: Visitor | None = None,
    ) -> Caller:
        """Who asks.

        Args:
            body: The decoded body, where an `app` key's sub-user may be named.
            visitor: What `expect` returned for the request.

        Raises:
            Unauthenticated: No key, or one that does not exist or was revoked; a sub-user's token that cannot be trusted.
            Forbidden: A server without keys was called from elsewhere than this machine.
            InvalidRequest: A body that is not declared as JSON.
        """
        headers, mark = visitor or (heard(request.scope), None)
        if headers.get("content-type") != _JSON and request.method in ("POST", "PUT", "PATCH"):
            _demand_json(headers)
        if not (self._is_guarded or await self._has_keys()):
            demand_loopback(headers, self._origins)
            return _noted(LOCAL)
        key = await self._key(mark or _mark(headers))
        if self._meter.limits(key.limits):
            request.scope["state"][LIMITS] = partial(self._meter.left, key.id, key.limits)
        if key.kind == "person":
            return _noted(
                Caller(key.user_id, key.id, "person", key.policy, honours_store=key.honours_store, limits=key.limits)
            )
        sub_user = self._sub_user(headers, body or {})
        named = UserId(f"{key.user_id}/{sub_user}") if sub_user else key.user_id
        return _noted(Caller(named, key.id, "app", key.policy, bool(sub_user), key.honours_store, key.limits))

    async def expect(self, request: Request[Any, Any, Any]) -> Visitor:
        """Before a body is read: whether its sender may ask at all, and whether there is room for one more.

        Raises Unauthenticated and Overloaded.
        """
        headers, mark = heard(request.scope), None
        if self._is_guarded or await self._has_keys():
            mark = _mark(headers)
            await self._key(mark)
        self._meter.expect()
        return Visitor(headers, mark)

    async def limits_of(self, scope: Mapping[str, Any]) -> Callable[[], dict[str, str]] | None:
        """What tells how much is left of the limits of a request's key; `None` where it has none, or nobody knows it."""
        try:
            key = await self._key(_mark(heard(scope)))
        except (Unauthenticated, StoreError):
            return None
        return partial(self._meter.left, key.id, key.limits) if self._meter.limits(key.limits) else None

    def admit(self, request: Request[Any, Any, Any], caller: Caller) -> Permit:
        """Let a request in that will ask a model; the doorway gives its place back when it has been answered.

        Raises RateLimited and Overloaded.
        """
        permit = self._meter.admit(caller)
        permit.departure = leaving.expected(request.scope, permit.guest, self._abandoned_s)
        request.scope["state"][PERMIT] = permit
        return permit

    def forget(self, users: Collection[UserId] | None) -> list[str]:
        """Trust no key of users who were deleted, or of anybody (`None`), before its row is read again; returns the keys' ids."""
        gone = {mark: key for mark, (key, _) in self._known.items() if key and (users is None or key.user_id in users)}
        for mark in gone:
            del self._known[mark]
        named = [LOCAL.key_id] if users is not None and LOCAL.user_id in users else []
        return [*named, *(key.id for key in gone.values())]

    async def _has_keys(self) -> bool:
        if not self._is_guarded and time.monotonic() - self._looked_at > KNOWN_FOR_S:
            self._is_guarded = await self._keys.has_keys()
            self._looked_at = time.monotonic()
        return self._is_guarded

    async def _key(self, mark: str) -> Key:
        key, read_at = self._known.get(mark, (None, 0.0))
        if key is None or time.monotonic() - read_at > KNOWN_FOR_S:
            key = await self._keys.key_by_digest(mark)
            if key is None:
                self._known.pop(mark, None)
                raise Unauthenticated(
                    "This API key is not known here, or was revoked. `graft keys add USER` makes one."
                )
            self._known[mark] = (key, time.monotonic())
        return key

    def _sub_user(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> str | None:
        """Who is named, letter for letter: names that only look alike are different people. Raises InvalidRequest."""
        named = self._named(headers, body)
        if named is not None and len(named) > LONGEST_NAME:
            raise InvalidRequest(f"The name of a user is longer than {LONGEST_NAME} characters.", param="user")
        return named

    def _named(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> str | None:
        if self._signed is not None:
            return self._signed.user(headers)
        for name in self._user_headers:
            if (value := headers.get(name)) and not value.startswith("{{"):  # a template that nobody filled in
                return value
        for name in ("safety_identifier", "user"):
            if isinstance(value := body.get(name), str) and value:
                return value
        return None


def _noted(caller: Caller) -> Caller:
    """The same, named in the request's line of the log."""
    entry = current.get()
    entry.user, entry.key = caller.user_id, caller.key_id
    return caller


def _mark(headers: Mapping[str, str]) -> str:
    """The digest of the key that is shown. Raises Unauthenticated where none is."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return digest(key.strip())
    raise Unauthenticated("This server needs an API key: send it as `Authorization: Bearer KEY`.")


def _demand_json(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON and not kind.endswith("+json"):
        found = f"not as {kind!r}" if kind else "and this one has no Content-Type"
        raise InvalidRequest(f"A body must be sent as application/json, {found}.")


def demand_loopback(headers: Mapping[str, str], origins: Collection[str] = ()) -> None:
    """Raises Forbidden for what is not addressed to this machine by its own names, or comes from another machine's web page."""
    hint = "Make a key with `graft keys add USER` to use this server from elsewhere."
    if not _is_loopback(_host_of(f"//{headers.get('host', '')}")):
        raise Forbidden(
            f"Without keys this server answers to its own machine's names only, not to Host {headers.get('host')!r}. {hint}"
        )
    origin = headers.get("origin")
    if origin is not None and origin not in origins and not _is_loopback(_host_of(origin)):
        raise Forbidden(f"Without keys this server refuses requests that the web page {origin!r} makes. {hint}")


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine only."""
    return _is_loopback(host.strip("[]"))
