"""What a crowd is told, made like the first of its messages, is valid and what each would have been told alone."""

from worlds import LOOSENS, Story, World, vehicle

from protocol.actor import Send
from protocol.codec import decode_body, encode


def evening() -> Story:
    """Every rung is climbed; some homes differ, some are not needed, and the event is asked for in two rounds."""
    world = World()
    for name, most_w in (("ra-1", 6_000), ("ra-2", 3_000)):
        homes = [
            world.home(f"{name}-h{i}", name, vehicle(f"ev-{name}-{i}", **LOOSENS, max_discharge_w=most_w + 7 * (i % 3)))
            for i in range(9)
        ]
        world.aggregator(name, homes, scale_w=40_000)
    world.event(70_000, 90_000)
    return world.run()


def test_every_message_to_a_crowd_is_what_validation_would_have_made() -> None:
    noted = [
        effect.message
        for entry in evening().simulation.trace
        for effect in entry.effects
        if isinstance(effect, Send) and effect.edge.parent.startswith("ra-")
    ]
    assert {"request", "relax", "award"} <= {message.kind for message in noted}
    for message in noted:
        assert decode_body(message.kind, encode(message)) == message
        assert type(message)(**dict(message)) == message
