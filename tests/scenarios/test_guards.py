"""What keeps a well-formed message, order or reading out that comes at the wrong time or says too much: each test sends
one and looks at what the receiver makes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import START, T0, Story, World, battery, dropping, late

from agents.negotiation.parent import ParentParty
from agents.parties.der.actor import Der
from broker.bus import Post
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Actor, Cancel, Decided, Issue, Received, Resumed, Send, Setpoint
from protocol.codec import encode
from protocol.edges import Edge
from protocol.errors import RejectReason
from protocol.units import Direction

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def small(**settings: Any) -> World:
    """One aggregator with two homes, asked for 12 kW in one slot."""
    world = World(**settings)
    world.simple("ra-1", 2)
    world.event(12_000)
    return world


def said(story: Story, kind: str, sender: str, child: str) -> Any:
    """The first message of a kind on an edge."""
    return story.to(kind, sender, child)[0]


def heard(actor: Actor, edge: Edge, message: m.EventMessage, now: datetime) -> list[m.Message]:
    """What an actor says to a message."""
    effects = actor.receive(Received(edge, message, encode(message)), now)
    return [effect.message for effect in effects if isinstance(effect, Send)]


def refusal(answers: list[m.Message]) -> RejectReason:
    """Why it was refused."""
    (reject,) = [answer for answer in answers if isinstance(answer, m.Reject)]
    return reject.reason


def stopped(world: World, at: datetime) -> tuple[Simulation, Callable[[str], Actor]]:
    """A world that has run until an instant, and its actors."""
    simulation = world.build()
    simulation.run(until=at)
    return simulation, simulation.actor


@pytest.mark.parametrize(("parent", "child"), [("utility", "ac"), ("ac", "ra-1"), ("ra-1", "ra-1-h0")])
def test_award_that_waited_until_after_valid_until_is_refused(parent: str, child: str) -> None:
    story = small().run()
    award = said(story, "award", parent, child)
    world = replace(small(), simulation=None)
    world.intercepts[parent] = dropping("award", award.request_id)
    _, actor = stopped(world, T0 + 6 * MINUTE)
    now = START - SECOND
    actor(child).receive(Resumed(T0 + 6 * MINUTE), now)  # what waited at the broker comes before what is due
    (confirm,) = [c for c in heard(actor(child), Edge(parent, child), award, now) if isinstance(c, m.Confirm)]
    assert not confirm.accepted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"power_w": -6_001}, RejectReason.ABOVE_REQUEST),
        ({"power_w": 1_000}, RejectReason.ABOVE_REQUEST),
        ({"slot": 1}, RejectReason.WRONG_SLOTS),
        ({"award_id": "another"}, RejectReason.UNKNOWN_AWARD),
        ({"request_id": "another"}, RejectReason.STALE),
    ],
)
def test_dispatch_that_is_not_within_the_award_moves_nothing(changes: dict[str, object], reason: RejectReason) -> None:
    story = small().run()
    dispatch = said(story, "dispatch", "ra-1", "ra-1-h0")
    world = small()
    _, actor = stopped(world, START - 2 * MINUTE)
    odd = dispatch.model_copy(update={"message_id": "odd", **changes})
    assert refusal(heard(actor("ra-1-h0"), Edge("ra-1", "ra-1-h0"), odd, START - MINUTE)) is reason


def test_dispatch_of_a_slot_that_is_over_moves_nothing() -> None:
    at = START + 30 * MINUTE
    world = small()
    world.events[0] = world.events[0].model_copy(update={"power_w": (12_000, 12_000)})
    story = world.run()
    dispatch = said(story, "dispatch", "ra-1", "ra-1-h0")
    again = replace(world, simulation=None)
    again.intercepts["ra-1"] = dropping("dispatch", dispatch.request_id)
    _, actor = stopped(again, at - SECOND)
    home, edge = actor("ra-1-h0"), Edge("ra-1", "ra-1-h0")
    effects = home.receive(Received(edge, dispatch, encode(dispatch)), at)
    assert [effect for effect in effects if isinstance(effect, Setpoint)] == []
    assert refusal([effect.message for effect in effects if isinstance(effect, Send)]) is RejectReason.EXPIRED


def test_dispatch_of_an_event_that_is_over_moves_nothing() -> None:
    world = small()
    story = world.run()
    dispatch = said(story, "dispatch", "ra-1", "ra-1-h0").model_copy(update={"message_id": "odd"})
    simulation = replace(world, simulation=None).build()
    simulation.give(T0 + 20 * MINUTE, "utility", Cancel("e1"))
    simulation.run(until=START - MINUTE)
    answers = heard(simulation.actor("ra-1-h0"), Edge("ra-1", "ra-1-h0"), dispatch, START - MINUTE)
    assert refusal(answers) is RejectReason.UNKNOWN_AWARD


def test_own_storage_ends_with_a_cancelled_event() -> None:
    world = World()
    world.simple("ra-1", 1, storage=(battery("bat"),))
    world.event(10_000, 10_000)
    simulation = world.build()
    cancelled_at = START + 10 * MINUTE
    simulation.give(cancelled_at, "utility", Cancel("e1"))
    simulation.run()
    moved = [
        (entry.at, effect.power_w)
        for entry in simulation.trace
        if entry.actor == "ra-1"
        for effect in entry.effects
        if isinstance(effect, Setpoint) and effect.resource_id == "bat"
    ]
    assert moved[0][1] is not None
    assert moved[-1][1] is None
    assert cancelled_at <= moved[-1][0] < cancelled_at + SECOND


def test_confirm_of_an_older_revision_binds_nobody() -> None:
    world = small()
    story = world.run()
    confirm = said(story, "confirm", "ra-1-h0", "ra-1-h0")
    simulation = replace(world, simulation=None).build()
    simulation.run(until=T0 + 6 * MINUTE)
    event = simulation.actor("ra-1").events["e1"]  # type: ignore[attr-defined]
    child = event.children["ra-1-h0"]
    event.awards.give([(child, child.accepted, (1_000,))], T0 + 6 * MINUTE)
    assert event.awards.confirm("ra-1-h0", confirm, T0 + 6 * MINUTE) is None
    assert child.confirmed is None
    assert "ra-1-h0" in event.awards.unconfirmed


def test_what_was_withdrawn_is_not_asked_of_the_same_child_again() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(9_000, 9_000)
    simulation = world.build()
    simulation.give(T0 + 20 * MINUTE, "ra-1-h0", Decided("e1", False))
    simulation.give(T0 + 25 * MINUTE, "ra-1-h1", Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    assert story.notes("withdrawn", "ra-1")
    assert {note.data["child"] for note in story.notes("replaced", "ra-1")} <= {"ra-1-h1", "ra-1-h2"}
    child = simulation.actor("ra-1").events["e1"].children["ra-1-h0"]  # type: ignore[attr-defined]
    assert not any(child.accepted.power_w)


def test_nothing_is_archived_before_the_last_slot_is_over() -> None:
    world = small(utility={"accept_share_pct": 100})
    world.events[0] = world.events[0].model_copy(update={"power_w": (90_000,)})
    simulation = world.build()
    simulation.run(until=START - MINUTE)
    for name in ("utility", "ac", "ra-1"):
        actor = simulation.actor(name)
        assert isinstance(actor, ParentParty)
        assert actor.events["e1"].stage == "closed"
        assert not actor.at_rest(START - MINUTE)
        assert actor.at_rest(START + 30 * MINUTE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"power_w": (6_001,)}, RejectReason.ABOVE_REQUEST),
        ({"power_w": (1_000, 1_000), "available_w": (1_000, 1_000)}, RejectReason.WRONG_SLOTS),
        ({"valid_until": T0 + 10 * MINUTE}, RejectReason.NOT_FIRM_LONG_ENOUGH),
        ({"request_id": "e1.1.0"}, RejectReason.STALE),
        ({"basis": m.Basis.RELAXED}, RejectReason.UNKNOWN_REQUEST),
        ({"event_id": "another"}, RejectReason.UNKNOWN_EVENT),
    ],
)
def test_offer_that_is_none_to_the_question_is_refused(changes: dict[str, object], reason: RejectReason) -> None:
    world = small()
    offer = said(world.run(), "offer", "ra-1-h0", "ra-1-h0")
    again = replace(world, simulation=None)
    again.intercepts["ra-1-h0"] = dropping("offer", "e1.1.1")
    _, actor = stopped(again, T0 + 5 * MINUTE + SECOND)
    odd = offer.model_copy(update={"message_id": "odd", **changes})
    edge, parent = Edge("ra-1", "ra-1-h0"), actor("ra-1")
    if "basis" in changes:  # late for a stage that never was, but no answer to anything
        event = parent.events["e1"]  # type: ignore[attr-defined]
        with pytest.raises(Exception, match="none was asked"):
            event.asking.take(event.children["ra-1-h0"], odd)
        return
    assert refusal(heard(parent, edge, odd, T0 + 5 * MINUTE + SECOND)) is reason


def test_older_revision_of_an_offer_is_refused() -> None:
    world = small()
    world.intercepts["ra-1-h1"] = late(2 * MINUTE)
    offer = said(small().run(), "offer", "ra-1-h0", "ra-1-h0")
    _, actor = stopped(world, T0 + 5 * MINUTE + SECOND)
    odd = offer.model_copy(update={"message_id": "odd"})
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h0"), odd, T0 + 5 * MINUTE + SECOND)
    assert refusal(answers) is RejectReason.STALE


def test_resource_of_another_member_is_refused() -> None:
    offer = said(small().run(), "offer", "ra-1-h0", "ra-1-h0")
    world = small()
    world.intercepts["ra-1-h0"] = dropping("offer", "e1.1.1")
    _, actor = stopped(world, T0 + 5 * MINUTE + SECOND)
    resources = tuple(part.model_copy(update={"resource_id": "ev-ra-1-1"}) for part in offer.resources)
    odd = offer.model_copy(update={"message_id": "odd", "resources": resources})
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h0"), odd, T0 + 5 * MINUTE + SECOND)
    assert refusal(answers) is RejectReason.RESOURCE_CLAIMED


@pytest.mark.parametrize(("parent", "child"), [("utility", "ac"), ("ac", "ra-1"), ("ra-1", "ra-1-h0")])
@pytest.mark.parametrize(
    ("changes", "later", "reason"),
    [
        ({"round": 0}, timedelta(), RejectReason.STALE),
        ({"round": 2, "request_id": "e1.1.2"}, 2 * timedelta(hours=1), RejectReason.EXPIRED),
        ({"event_id": "e9", "request_id": "e9.1.1"}, 2 * timedelta(hours=1), RejectReason.EXPIRED),
    ],
)
def test_request_that_is_old_or_late_changes_nothing(
    parent: str, child: str, changes: dict[str, Any], later: timedelta, reason: RejectReason
) -> None:
    request = said(small().run(), "request", parent, child)
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    before = actor(child).status()["events"]
    odd = request.model_copy(update={"message_id": "odd", **changes})
    now = T0 + 6 * MINUTE + later
    if later:
        actor(child).receive(Resumed(T0 + 6 * MINUTE), now)
        before = actor(child).status()["events"]
    assert refusal(heard(actor(child), Edge(parent, child), odd, now)) is reason
    events: Any = actor(child).status()["events"]
    assert [one for one in events if one["event_id"] == "e1"] == before


@pytest.mark.parametrize(("parent", "child"), [("utility", "ac"), ("ac", "ra-1"), ("ra-1", "ra-1-h0")])
def test_older_revision_of_an_award_is_refused(parent: str, child: str) -> None:
    award = said(small().run(), "award", parent, child)
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    odd = award.model_copy(update={"message_id": "odd"})
    assert refusal(heard(actor(child), Edge(parent, child), odd, T0 + 6 * MINUTE)) is RejectReason.STALE


@pytest.mark.parametrize(("parent", "child"), [("ac", "ra-1"), ("ra-1", "ra-1-h0")])
@pytest.mark.parametrize("sent", [{"sent_at": T0}, {"request_id": "e1.1.1"}])
def test_cancellation_of_an_earlier_request_ends_nothing(parent: str, child: str, sent: dict[str, Any]) -> None:
    story = small().run()
    request, award = said(story, "request", parent, child), said(story, "award", parent, child)
    _, actor = stopped(small(), T0 + 5 * MINUTE + SECOND)
    again = {"message_id": "again", "request_id": "e1.2.1", "revision": 2, "sent_at": T0 + 6 * MINUTE}
    heard(actor(child), Edge(parent, child), request.model_copy(update=again), T0 + 6 * MINUTE)
    ends = {"message_id": "odd", "outcome": m.Outcome.CANCELLED, "accepts": None, "power_w": (0,)}
    ends |= {"request_id": "e1.0.9", "sent_at": T0 + 7 * MINUTE}
    odd = award.model_copy(update=ends | sent)
    assert refusal(heard(actor(child), Edge(parent, child), odd, T0 + 7 * MINUTE)) is RejectReason.STALE
    events: Any = actor(child).status()["events"]
    assert events[0]["stage"] != "closed"


@pytest.mark.parametrize(("parent", "child"), [("utility", "ac"), ("ac", "ra-1")])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"request_id": "e1.1.0", "revision": 2}, RejectReason.STALE),
        ({"power_w": (1_000, 1_000), "revision": 2}, RejectReason.WRONG_SLOTS),
    ],
)
def test_award_that_is_old_or_of_another_request_is_refused(
    parent: str, child: str, changes: dict[str, Any], reason: RejectReason
) -> None:
    award = said(small().run(), "award", parent, child)
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    odd = award.model_copy(update={"message_id": "odd", **changes})
    assert refusal(heard(actor(child), Edge(parent, child), odd, T0 + 6 * MINUTE)) is reason


@pytest.mark.parametrize(("parent", "child"), [("utility", "ac"), ("ac", "ra-1"), ("ra-1", "ra-1-h0")])
@pytest.mark.parametrize("changes", [{"power_w": (12_001,)}, {"accepts": "nothing-of-that-name"}])
def test_award_of_more_or_of_something_else_is_not_confirmed(parent: str, child: str, changes: dict[str, Any]) -> None:
    award = said(small().run(), "award", parent, child)
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    odd = award.model_copy(update={"message_id": "odd", "revision": 2, **changes})
    (confirm,) = heard(actor(child), Edge(parent, child), odd, T0 + 6 * MINUTE)
    assert isinstance(confirm, m.Confirm)
    assert not confirm.accepted


@pytest.mark.parametrize("kind", ["withdraw", "report", "confirm"])
def test_word_about_an_award_that_never_was_is_refused(kind: str) -> None:
    world = small()
    story = world.run()
    again = small()
    again.intercepts["ra-1"] = dropping("award", "e1.1.1")
    _, actor = stopped(small(utility={"accept_share_pct": 100}), T0 + 5 * MINUTE + timedelta(milliseconds=60))
    if kind == "withdraw":
        award = said(story, "award", "ra-1", "ra-1-h0")
        head = {"message_id": "odd", "sent_at": T0, "event_id": "e1", "request_id": "e1.1.1", "round": 1, "revision": 1}
        odd: Any = m.Withdraw(**head, award_id=award.award_id, from_slot=0, power_w=(0,), cause="x")
    else:
        odd = said(story, kind, "ra-1-h0", "ra-1-h0")
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h0"), odd, T0 + 5 * MINUTE + SECOND)
    assert refusal(answers) is RejectReason.UNKNOWN_AWARD


def test_reading_of_a_slot_that_is_not_there_is_refused() -> None:
    story = small().run()
    report = said(story, "report", "ra-1-h0", "ra-1-h0")
    _, actor = stopped(small(), START + 10 * MINUTE)
    reading = report.readings[0].model_copy(update={"slot": 7})
    odd = report.model_copy(update={"message_id": "odd", "readings": (reading,)})
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h0"), odd, START + 10 * MINUTE)
    assert refusal(answers) is RejectReason.WRONG_SLOTS


def test_one_id_with_two_bodies_is_refused() -> None:
    offer = said(small().run(), "offer", "ra-1-h0", "ra-1-h0")
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    odd = offer.model_copy(update={"power_w": (1,)})
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h0"), odd, T0 + 6 * MINUTE)
    assert refusal(answers) is RejectReason.CONFLICT


def test_who_is_not_in_the_book_is_refused() -> None:
    offer = said(small().run(), "offer", "ra-1-h0", "ra-1-h0")
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    answers = heard(actor("ra-1"), Edge("ra-1", "stranger"), offer, T0 + 6 * MINUTE)
    assert refusal(answers) is RejectReason.UNKNOWN_PARTY


@pytest.mark.parametrize(("parent", "child"), [("ac", "ra-1"), ("ra-1", "ra-1-h0")])
def test_more_events_than_are_kept_open_are_refused(parent: str, child: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParentParty, "MOST_OPEN", 1)
    monkeypatch.setattr(Der, "MOST_OPEN", 1)
    request = said(small().run(), "request", parent, child)
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    other = request.model_copy(update={"message_id": "other", "event_id": "e9", "request_id": "e9.1.1"})
    assert refusal(heard(actor(child), Edge(parent, child), other, T0 + 6 * MINUTE)) is RejectReason.OVERLOAD


def test_order_for_what_has_begun_is_refused() -> None:
    world = small()
    simulation = world.build()
    begun = Issue("late", "dr", Direction.DECREASE_LOAD, START, (6_000,))
    simulation.give(START + SECOND, "utility", begun)
    simulation.run()
    assert Story(simulation, world).note("order_refused").event_id == "late"


def test_utility_sells_nothing_downward_before_it_has_bought() -> None:
    world = small()
    world.intercepts["utility"] = lambda sender, post: [] if "/award/" in post.topic else [(post, timedelta())]
    story = world.run()
    awards = [award for who in ("ac", "ra-1") for award in story.sent("award", who) if isinstance(award, m.Award)]
    assert [award for award in awards if award.outcome is m.Outcome.CONCLUDED] == []


def test_strangers_post_is_heard_by_nobody() -> None:
    world = small()
    simulation = world.build()
    simulation.publish(T0 + MINUTE, "stranger", Post("dr/offer/ra-1/nobody", b"{}"))
    simulation.run()
    assert Story(simulation, world).settled_wh() == (6_000, 6_000)
