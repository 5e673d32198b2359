"""A thousand requests of one seed; `python -m tests.fuzz` sends many more, of another seed each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.served import serving
from tests.fuzz.__main__ import Fuzz, configured
from tests.fuzz.echo import echoing

REQUESTS, SEED = 1000, 8


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_a_thousand_odd_requests_find_nothing(tmp_path: Path) -> None:
    with echoing() as upstream, serving(tmp_path, upstream, configured(upstream.base_url)) as server:
        fuzz = Fuzz(server, SEED)
        fuzz.run(REQUESTS, lambda _: None)
        fuzz.close()
        assert fuzz.book.told() == ""
        assert fuzz.violations() == []
    assert fuzz.book.requests >= REQUESTS
    assert fuzz.book.sent["2xx"] > REQUESTS // 10
