"""Where everything is kept, for how long, and how it is sealed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from proxy.config.section import Section

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher


class KeySource(Section):
    """Where a storage key is found."""

    key_env: str | None = None
    """The variable that holds it."""
    key_file: str | None = None
    """The file that holds it, for its owner alone to read."""
    plain: bool = False
    """In a key's place: values as they are."""

    @model_validator(mode="after")
    def _one(self) -> KeySource:
        if (self.key_env is not None) + (self.key_file is not None) + self.plain != 1:
            raise ValueError("one of key_env, key_file and `plain: true`")
        return self


class StorageSettings(Section):
    url: str = "sqlite:///graft.db"
    """`sqlite:///relative.db`, `sqlite:////absolute.db` or `sqlite://:memory:`."""
    durability: Literal["process", "power"] = "process"
    """An acknowledged write survives a crash of the process, or of the machine."""
    checkpoint_s: float = Field(default=3.0, gt=0)
    """How often a long reply is made durable while it streams."""
    expire_days: float | None = Field(default=None, gt=0)
    """Trees and branches without activity for so long are deleted, once an hour; unset, never."""
    encryption: tuple[KeySource, ...] = ()
    """Keys of what is stored: the first seals, and all of them open; none leaves everything readable."""

    def cipher(self, env: Mapping[str, str] = os.environ) -> Cipher | None:
        """How values are sealed; `None` for not at all. Raises ConfigError."""
        if all(source.plain for source in self.encryption):
            return None
        from proxy.store.sealing import cipher, keys  # noqa: PLC0415 - loads cryptography, which plain databases do without

        sources = [keys.Source(source.key_env, source.key_file) for source in self.encryption]
        return cipher.Cipher(keys.read_keys(sources, env))
