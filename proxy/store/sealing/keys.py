"""Storage keys: 32 random bytes each, read from the environment or from a file that only its owner can read.

One key serves three ends, each with a key of its own that is derived from it (HKDF, RFC 5869): sealing, marks, and the key's name.
The name stands in every sealed value and betrays nothing of the key.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.errors import ConfigError
from proxy.store.sealing.terms import PLAIN

KEY_BYTES: Final = 32
NAME_BYTES: Final = 6
"""Their base64 has no padding, so a sealed text begins with the name of its key in letters."""


@dataclass(frozen=True, slots=True)
class StorageKey:
    """What values are sealed with; its representation shows no key."""

    name: bytes
    seal: AESGCM = field(repr=False)
    mark: AESSIV = field(repr=False)

    @classmethod
    def of(cls, key: bytes) -> StorageKey:
        """The parts of a key of 32 bytes."""
        return cls(
            _derived(key, b"name", NAME_BYTES),
            AESGCM(_derived(key, b"seal", 32)),
            AESSIV(_derived(key, b"mark", 64)),
        )

    @property
    def id(self) -> str:
        """The key's name, as people see it."""
        return self.name.hex()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a key is found: in one of the two; in neither, values are left as they are."""

    variable: str | None = None
    file: str | None = None


def new_key() -> str:
    """A new key, as it is written into a file or a variable."""
    return secrets.token_hex(KEY_BYTES)


def read_key(source: Source, env: Mapping[str, str]) -> StorageKey | None:
    """The key of a source; `None` for none. Raises ConfigError, which never shows what was read."""
    if source.variable is not None:
        if not env.get(source.variable):
            raise ConfigError(f"storage.encryption names the variable {source.variable}, which is not set.")
        return StorageKey.of(_parsed(env[source.variable], f"the variable {source.variable}"))
    if source.file is not None:
        return StorageKey.of(_parsed(_read(Path(source.file)), f"the file {source.file!r}"))
    return None


def read_keys(sources: Sequence[Source], env: Mapping[str, str]) -> list[StorageKey | None]:
    """The keys of some sources, in their order. Raises ConfigError, also where two are the same."""
    keys = [read_key(source, env) for source in sources]
    names = [key.id if key else PLAIN for key in keys]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"storage.encryption names the key {twice[0]} twice.")
    return keys


def _read(file: Path) -> str:
    """Raises ConfigError, also for a file that others can read."""
    try:
        mode = file.stat().st_mode
        text = file.read_bytes()
    except OSError as exc:
        raise ConfigError(f"storage.encryption: the key file {str(file)!r} cannot be read: {exc.strerror}.") from exc
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"storage.encryption: others than its owner may use the key file {str(file)!r}. Run: chmod 600 {file}"
        )
    return text.decode("ascii", "replace")


def _parsed(text: str, where: str) -> bytes:
    """32 bytes in hexadecimal digits or in base64. Raises ConfigError."""
    text = text.strip()
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(_standard(text), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"storage.encryption: {where} holds no key: 32 bytes in hexadecimal digits or base64 are needed. "
            "`graft keys storage-key` makes one."
        )
    return key


def _standard(text: str) -> str:
    """Base64 of either alphabet, padded or not, in the usual one."""
    text = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    return text + "=" * (-len(text) % 4)


def _derived(key: bytes, use: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=b"graft storage " + use).derive(key)
