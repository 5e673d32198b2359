import pytest

pytest_plugins = ["tests.doubles.running", "tests.doubles.served", "tests.doubles.strict"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
