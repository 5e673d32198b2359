import pytest

pytest_plugins = ["tests.doubles.running"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
