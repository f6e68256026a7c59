"""How far events are, as it is published for who comes late: what has changed, and nothing behind the end."""

from datetime import UTC, datetime, timedelta

from memory_bus import MemoryBus
from worlds import START, T0, World

from agents.runtime.recounting import Recounting
from broker.bus import Post
from broker.clock import Clock
from broker.simulation import Simulation
from protocol.codec import decode_progress
from protocol.edges import progress_topic
from protocol.messages import Progress

WALL = datetime(2026, 1, 14, tzinfo=UTC)


def simulated() -> Simulation:
    world = World()
    world.simple("ra-1", 2)
    world.event(10_000, 10_000)
    simulation = world.build()
    simulation.run(until=T0)
    return simulation


def recounting(simulation: Simulation, name: str = "ra-1") -> Recounting:
    return Recounting(MemoryBus(), Clock(T0, WALL, 10.0), lambda: simulation.actor(name))


def told(post: Post) -> Progress:
    found = decode_progress(post.topic, post.payload)
    assert found is not None
    return found


def test_only_what_has_changed_is_published() -> None:
    simulation = simulated()
    told_by, actor = recounting(simulation), simulation.actor("ra-1")
    assert list(told_by.posts(actor, T0)) == []
    stages = []
    for minute in range(0, 130, 2):
        now = T0 + timedelta(minutes=minute)
        simulation.run(until=now)
        stages += [told(post).stage for post in told_by.posts(actor, now)]
        assert list(told_by.posts(actor, now + timedelta(seconds=1))) == []
    assert stages == ["standby", "delivering", "delivering", "closed"]


def test_state_is_retained_and_expires_by_the_real_clock_an_hour_behind_the_last_slot() -> None:
    simulation = simulated()
    simulation.run(until=T0 + timedelta(minutes=10))
    (post,) = recounting(simulation).posts(simulation.actor("ra-1"), T0)
    assert (post.topic, post.retain) == (progress_topic("ra-1", "e1"), True)
    assert told(post).valid_until == START + timedelta(hours=2)
    assert post.expires_in_s is not None
    assert post.expires_in_s <= (told(post).valid_until - T0).total_seconds() / 10


def test_what_is_over_is_taken_away_once() -> None:
    simulation = simulated()
    simulation.run()
    told_by, actor = recounting(simulation), simulation.actor("ra-1")
    (closed,) = told_by.posts(actor, START + timedelta(hours=1, minutes=10))
    assert (told(closed).stage, told(closed).outcome) == ("closed", "concluded")
    over = START + timedelta(hours=2)
    assert [(post.topic, post.payload, post.retain) for post in told_by.posts(actor, over)] == [
        (progress_topic("ra-1", "e1"), b"", True)
    ]
    assert list(told_by.posts(actor, over)) == []


def test_start_takes_away_what_an_earlier_life_has_left() -> None:
    simulation = simulated()
    simulation.run()
    posts = list(recounting(simulation).posts(simulation.actor("ra-1"), START + timedelta(days=1)))
    assert [post.payload for post in posts] == [b""]


def test_event_that_the_party_has_forgotten_is_taken_away() -> None:
    simulation = simulated()
    simulation.run(until=T0 + timedelta(minutes=10))
    told_by = recounting(simulation)
    assert [bool(post.payload) for post in told_by.posts(simulation.actor("ra-1"), T0)] == [True]
    assert [bool(post.payload) for post in told_by.posts(simulated().actor("ra-1"), T0)] == [False]


def test_home_tells_nobody_how_far_it_is() -> None:
    simulation = simulated()
    simulation.run(until=T0 + timedelta(minutes=10))
    assert list(recounting(simulation, "ra-1-h0").posts(simulation.actor("ra-1-h0"), T0)) == []
