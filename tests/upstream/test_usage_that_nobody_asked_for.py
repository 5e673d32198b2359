"""The `"usage": null` of a chunk is taken out of the provider's own bytes for a client that did not ask for usage."""

from __future__ import annotations

import json

import pytest

from proxy.upstream.reading import _without_usage

TAKEN = {
    "compact": (b'{"choices":[],"usage":null}', b'{"choices":[]}'),
    "as Python writes it": (b'{"choices": [], "usage": null}', b'{"choices": []}'),
    "between others": (b'{"id":"c","usage":null,"choices":[]}', b'{"id":"c","choices":[]}'),
    "first": (b'{"usage":null,"choices":[]}', b'{"choices":[]}'),
    "spaced oddly": (b'{"choices":[] , "usage" : null }', b'{"choices":[]  }'),
    "beside text that looks like it": (
        b'{"said":"a,\\"usage\\":null","usage":null}',
        b'{"said":"a,\\"usage\\":null"}',
    ),
    "beside the word": (b'{"said":"usage","usage":null}', b'{"said":"usage"}'),
}


@pytest.mark.parametrize("name", TAKEN)
def test_only_the_usage_at_the_top_is_taken_out(name: str) -> None:
    given, left = TAKEN[name]
    wanted = json.loads(given)
    del wanted["usage"]
    told = _without_usage(given)
    assert told is not None
    assert json.loads(told) == wanted
    assert told.replace(b" ", b"") == left.replace(b" ", b"")


@pytest.mark.parametrize(
    "given",
    [b'{"x":{"a":1,"usage":null},"usage":null}', b'{"x":{"a":1,"usage":null}, "usage": null}'],
)
def test_more_than_one_is_left_to_be_written_anew(given: bytes) -> None:
    assert _without_usage(given) is None
