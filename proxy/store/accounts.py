"""Keys, and what is set once for a tree or a user: the part of `SqliteStore` that commands and the configuration of trees use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from proxy.domain.placement import Policy
from proxy.domain.tree import TreeId, UserId
from proxy.domain.turn import KeyKind, Limits
from proxy.store import keys, spending, trees
from proxy.store.records import Key
from proxy.store.threads import Threads


class Accounts(Threads, Protocol):
    """Every look-up is by user first; a foreign id is an unknown id."""

    async def rename(self, user_id: UserId, tree_id: TreeId, title: str | None) -> None:
        """Give a tree a title; its name, which clients use, stays. Raises NotFound."""
        await self._write(partial(trees.rename, user_id=user_id, tree_id=tree_id, title=title))

    async def set_system_prompt(self, user_id: UserId, tree_id: TreeId, text: str | None) -> None:
        await self._write(partial(trees.set_system_prompt, user_id=user_id, tree_id=tree_id, text=text))

    async def set_max_context_tokens(self, user_id: UserId, tree_id: TreeId, tokens: int | None) -> None:
        await self._write(partial(trees.set_max_context_tokens, user_id=user_id, tree_id=tree_id, tokens=tokens))

    async def set_metadata_item(self, user_id: UserId, tree_id: TreeId, name: str, value: object) -> None:
        """Keep a JSON value under a name of the caller's; `None` takes it away. Raises NotFound."""
        await self._write(partial(trees.set_metadata_item, user_id=user_id, tree_id=tree_id, name=name, value=value))

    async def add_key(
        self,
        user_id: UserId,
        kind: KeyKind,
        digest: str,
        prefix: str,
        label: str | None = None,
        policy: Policy | None = None,
        *,
        honours_store: bool = False,
        limits: Limits | None = None,
    ) -> Key:
        """Keep a new key of a user, who is created where missing."""
        return await self._write(
            lambda db: keys.add_key(db, user_id, kind, digest, prefix, label, policy, honours_store, limits)
        )

    async def limit_key(self, name: str, limits: Limits) -> Key:
        """Give a key other limits, by its id or its shown prefix. Raises NotFound."""
        return await self._write(partial(keys.limit_key, name=name, limits=limits))

    async def spent(self, day: str) -> Mapping[str, int]:
        """Tokens of a day in UTC by key."""
        return await self._read(partial(spending.spent, day=day))

    async def spend(self, day: str, tokens: Mapping[str, int]) -> Mapping[str, int]:
        """Add to what keys have used of a day; returns the new sums."""
        return await self._write(partial(spending.spend, day=day, tokens=tokens))

    async def key_by_digest(self, digest: str) -> Key | None:
        """The key with that digest unless it was revoked."""
        return await self._glance(partial(keys.key_by_digest, digest=digest))

    async def keys(self) -> list[Key]:
        """All keys, revoked ones too, oldest first."""
        return await self._read(keys.keys)

    async def has_keys(self) -> bool:
        """Whether any key was ever given out, revoked ones included."""
        return await self._glance(keys.has_keys)

    async def revoke_key(self, name: str) -> Key:
        """Revoke a key by its id or its shown prefix. Raises NotFound."""
        return await self._write(partial(keys.revoke_key, name=name))

    async def touch_key(self, key_id: str, at: float) -> None:
        """Remember when a key was used last."""
        await self._write(partial(keys.touch_key, key_id=key_id, at=at))
