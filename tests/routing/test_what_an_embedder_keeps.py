"""A text that was embedded leaves nothing behind: vectors are kept by trees, not by the embedder."""

from __future__ import annotations

import pytest

from proxy.routing.embedder import embedder
from tests.doubles.heap import malloc_mib

TEXTS, AT_ONCE, MOST_MIB = 2000, 8, 2.0


@pytest.mark.parametrize("name", ["static", "minilm"])
@pytest.mark.skipif(malloc_mib() == 0, reason="Only glibc tells what is in use of its heap.")
def test_what_was_embedded_once_is_not_kept(name: str):
    if name == "static":
        pytest.importorskip("wordllama")
    made = embedder(name)
    texts = [f"Chapter {at} tells why tide number {at * 7} came late to harbour {at * 13}." for at in range(TEXTS)]
    made.embed(texts[:AT_ONCE])
    before = malloc_mib()
    for start in range(AT_ONCE, TEXTS if name == "static" else TEXTS // 10, AT_ONCE):
        made.embed(texts[start : start + AT_ONCE])
    assert malloc_mib() < before + MOST_MIB
