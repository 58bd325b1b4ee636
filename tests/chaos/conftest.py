"""One house for all cases: starting it costs most of a case's time."""

from collections.abc import AsyncIterator

import pytest

from tests.support.customers import Customers
from tests.support.houses import Houses


@pytest.fixture
async def chaos(customers: Customers) -> AsyncIterator[Customers]:
    """The house in order before and after each case."""
    yield customers
    await customers.house.mend()


@pytest.fixture(scope="session")
async def customers(houses: Houses) -> AsyncIterator[Customers]:
    """Running services and their customers; what the customers did in earlier cases stays theirs."""
    async with houses("chaos") as house:
        house.start()
        await house.hire()
        yield Customers(house)
