"""What a party calls its role in `gridpact status`: the word of its daemon."""

import pytest
from worlds import World

from agents.settings.daemon import Role


@pytest.mark.parametrize(
    ("name", "role"),
    [("utility", Role.UTILITY), ("ac", Role.COORDINATOR), ("ra-1", Role.AGGREGATOR), ("ra-1-h0", Role.DER)],
)
def test_role_in_a_status_is_the_word_of_its_daemon(name: str, role: Role) -> None:
    world = World()
    world.simple("ra-1", 1)
    world.event(1_000)
    world.run()
    assert world.actors[name].status()["role"] == role.value
