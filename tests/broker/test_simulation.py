"""The simulated carrier: order, faults, retained requests, deadlines."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from worlds import World

from broker.bus import Post
from broker.chance import Faults
from broker.recording import Recording, transcript
from broker.simulation import SimulatedParty, Simulation
from protocol import messages as m
from protocol.actor import Clear, Effect, Input, Received, Refused, Send
from protocol.edges import Edge
from protocol.units import Direction

T0 = datetime(2026, 1, 14, 17, tzinfo=UTC)
EDGE = Edge("ra", "der")


class Toy:
    """An actor that does what the test put into it and keeps what it heard."""

    def __init__(self, name: str, says: list[Effect] | None = None, deadline: datetime | None = None) -> None:
        self.name = name
        self.says = says or []
        self.deadline: datetime | None = deadline
        self.received: list[tuple[datetime, Input]] = []
        self.woken: list[datetime] = []

    def receive(self, item: Input, now: datetime) -> list[Effect]:
        self.received.append((now, item))
        return []

    def wake(self, now: datetime) -> list[Effect]:
        self.woken.append(now)
        self.deadline = None
        return self.says

    def parents(self) -> tuple[str, ...]:
        return ()

    def is_parent(self) -> bool:
        return True

    def status(self) -> Mapping[str, object]:
        return {}


def request() -> m.Request:
    return m.Request(
        message_id="r",
        sent_at=T0,
        event_id="e",
        request_id="e.1.1",
        round=1,
        revision=1,
        program_id="p",
        direction=Direction.DECREASE_LOAD,
        interval_period=m.IntervalPeriod(start=T0 + timedelta(hours=1)),
        power_w=(1,),
        reply_by=T0 + timedelta(minutes=1),
        decide_by=T0 + timedelta(minutes=2),
    )


def test_message_is_heard_by_the_far_end_of_its_edge_after_a_delay() -> None:
    der = Toy("der")
    simulation = Simulation([SimulatedParty(Toy("ra", [Send(EDGE, request())], T0)), SimulatedParty(der)], T0)
    simulation.run()
    [(at, item)] = der.received
    assert item == Received(EDGE, request())
    assert T0 < at <= T0 + timedelta(milliseconds=50)


def test_late_joiner_hears_the_retained_request_and_nothing_after_it_was_cleared() -> None:
    for cleared, expected in ((False, 1), (True, 0)):
        der = Toy("der")
        says: list[Effect] = [Send(EDGE, request())] + ([Clear(EDGE)] if cleared else [])
        party = SimulatedParty(der, joins_at=T0 + timedelta(minutes=1))
        Simulation([SimulatedParty(Toy("ra", says, T0)), party], T0).run()
        assert len(der.received) == expected


def test_all_lost_means_nothing_heard_and_all_repeated_means_twice() -> None:
    for faults, expected in ((Faults(loss_pct=100), 0), (Faults(repeat_pct=100), 2)):
        der = Toy("der")
        Simulation(
            [SimulatedParty(Toy("ra", [Send(EDGE, request())], T0)), SimulatedParty(der)], T0, faults=faults
        ).run()
        assert len(der.received) == expected


def test_bytes_that_are_no_message_are_an_input_of_their_own() -> None:
    ra = Toy("ra")
    simulation = Simulation([SimulatedParty(ra)], T0)
    simulation.publish(T0, "foe", Post("dr/offer/ra/der", b"\xff"))
    simulation.publish(T0, "foe", Post("some/other/topic", b"\xff"))
    simulation.run()
    assert [type(item) for _, item in ra.received] == [Refused]


def test_actor_whose_deadline_does_not_move_is_a_bug() -> None:
    class Stuck(Toy):
        def wake(self, now: datetime) -> list[Effect]:
            return []

    with pytest.raises(RuntimeError, match="did not move"):
        Simulation([SimulatedParty(Stuck("ra", deadline=T0))], T0).run()


def test_deadline_is_served_before_the_inbox() -> None:
    ra = Toy("ra", deadline=T0 + timedelta(seconds=10))
    simulation = Simulation([SimulatedParty(ra)], T0, faults=Faults(delay_ms=(10_000, 10_000)))
    simulation.publish(T0, "foe", Post("dr/offer/ra/der", b"{}"))
    simulation.run()
    assert ra.woken == [T0 + timedelta(seconds=10)]
    assert ra.received[0][0] >= ra.woken[0]


def test_transcript_reads_as_one_line_a_message() -> None:
    world = World()
    world.simple("ra-1", 1)
    world.event(6_000)
    lines = transcript(Recording.of(world.run().simulation.posts), times=False).splitlines()
    assert lines[0] == "utility -> ac              request     round 1: decrease_load [6] kW"
    assert "ra-1-h0 -> ra-1            offer       own [6] kW" in lines
    assert "ra-1 -> ra-1-h0            dispatch    slot 0: -6 kW for 1800 s" in lines
