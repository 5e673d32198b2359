import pytest
from hypothesis import settings

settings.register_profile("long", max_examples=4_000, deadline=None)
"""`pytest --hypothesis-profile=long`: property tests by the thousand, for an evening instead of a run of CI."""

pytest_plugins = ["tests.doubles.listener", "tests.doubles.running", "tests.doubles.served", "tests.doubles.strict"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
