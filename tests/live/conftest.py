"""A private Mosquitto for each live test."""

from collections.abc import AsyncIterator

import pytest

from broker.mosquitto import Broker, private_broker


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    """A broker of the test's own, on a free port."""
    async with private_broker() as running:
        yield running
