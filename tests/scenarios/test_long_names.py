"""Names and events as long as they may be: every id that is made of them is still one."""

from worlds import LOOSENS, World, vehicle

from protocol.actor import Send
from protocol.codec import decode_body, encode


def test_the_longest_names_go_through_a_whole_evening() -> None:
    world, name, event_id = World(), "r" * 64, "e" * 64
    homes = [world.home(f"{'h' * 63}{i}", name, vehicle(f"{'v' * 63}{i}", **LOOSENS)) for i in range(3)]
    world.aggregator(name, homes, scale_w=40_000)
    world.event(16_000, 20_000, event_id=event_id)
    story = world.run()
    said = [e.message for entry in story.simulation.trace for e in entry.effects if isinstance(e, Send)]
    assert {"request", "offer", "relax", "alternative", "award", "confirm", "dispatch", "report"} <= {
        message.kind for message in said
    }
    for message in said:
        assert decode_body(message.kind, encode(message)) == message
    assert "reject" not in {message.kind for message in said}
