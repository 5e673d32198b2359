"""The application under test: fixtures `house` (with keys) and `keyless`."""

from collections.abc import Iterator

import pytest

from tests.api.house import House, Person, Tree, open_house


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    with open_house() as opened:
        opened.key("keeper")
        yield opened


@pytest.fixture
def ada(house: House) -> Person:
    """Somebody new, with a tree that nobody else has."""
    return house.person()


@pytest.fixture
def tree(ada: Person) -> Tree:
    return ada.tree(name="travel")
