"""A person with a client, of either kind, against a served Graft."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.client.people import KINDS
from tests.doubles.served import Served


@pytest.fixture(params=KINDS)
def me(request: pytest.FixtureRequest, graft: Served) -> Iterator[Any]:
    key, _ = graft.key()
    with KINDS[request.param](graft.url, key) as person:
        yield person
