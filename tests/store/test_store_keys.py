"""Keys: kept as digests, found, revoked."""

import pytest

from proxy.errors import NotFound, StoreError
from proxy.store import SqliteStore

pytestmark = pytest.mark.anyio


async def test_a_key_is_found_by_its_digest_until_it_is_revoked(store: SqliteStore):
    assert not await store.has_keys()
    key = await store.add_key("ada", "person", "digest 1", "gk_ab", "laptop", "follow")
    assert (key.user_id, key.kind, key.prefix, key.label, key.policy) == ("ada", "person", "gk_ab", "laptop", "follow")
    assert await store.has_keys()
    assert await store.key_by_digest("digest 1") == key
    assert await store.key_by_digest("digest 2") is None
    revoked = await store.revoke_key("gk_ab")
    assert revoked.revoked_at is not None
    assert await store.key_by_digest("digest 1") is None
    assert await store.keys() == [revoked]
    assert await store.has_keys(), "a server whose last key was revoked must not fall open"


async def test_a_key_is_revoked_by_its_id_too(store: SqliteStore):
    first = await store.add_key("ada", "person", "digest 1", "gk_ab")
    second = await store.add_key("bob", "app", "digest 2", "gk_ab")
    with pytest.raises(NotFound, match="More than one"):
        await store.revoke_key("gk_ab")
    await store.revoke_key(first.id)
    assert await store.key_by_digest("digest 2") == second
    with pytest.raises(NotFound, match="No key"):
        await store.revoke_key(first.id)


async def test_a_digest_belongs_to_one_key(store: SqliteStore):
    await store.add_key("ada", "person", "digest 1", "gk_ab")
    with pytest.raises(StoreError):
        await store.add_key("eve", "person", "digest 1", "gk_ef")


async def test_the_last_use_is_remembered(store: SqliteStore):
    key = await store.add_key("ada", "app", "digest 1", "gk_ab")
    await store.touch_key(key.id, 12.5)
    found = await store.key_by_digest("digest 1")
    assert found is not None
    assert found.last_used_at == 12.5
