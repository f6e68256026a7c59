"""What keeps a well-formed message, order or reading out that comes at the wrong time or says too much: each test sends
one and looks at what the receiver makes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from worlds import START, T0, Story, World, battery, dropping, late

from agents.negotiation.child import Child, RelaxRecord
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.parent import ParentParty
from agents.negotiation.stage import Stage
from agents.parties.aggregator.role import AggregatorRole
from agents.parties.der.actor import Der
from broker.bus import Post
from broker.simulated_broker import Intercept
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Actor, Cancel, Decided, Issue, Measured, Received, Resumed, Send, Setpoint
from protocol.codec import encode
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
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
    for power_w in ((1_000,), child.accepted.power_w):  # it is bound to less until it confirms the more
        event.awards.give([(child, child.accepted, power_w)], T0 + 6 * MINUTE)
    assert event.award_answers.confirm("ra-1-h0", confirm, T0 + 6 * MINUTE) is None
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
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h0"), odd, T0 + 5 * MINUTE + SECOND)
    assert refusal(answers) is reason


def collecting() -> tuple[Simulation, Negotiation, Any]:
    """A world in which one home has answered and the other has not, the event at the aggregator, and the answer."""
    world = small()
    world.intercepts["ra-1-h1"] = late(2 * MINUTE)
    simulation, actor = stopped(world, T0 + 5 * MINUTE + SECOND)
    parent = actor("ra-1")
    assert isinstance(parent, ParentParty)
    return simulation, parent.events["e1"], said(Story(simulation, world), "offer", "ra-1-h0", "ra-1-h0")


def standing() -> tuple[Negotiation, Child]:
    """The event at the aggregator when its awards stand, and one of the children."""
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    parent = actor("ra-1")
    assert isinstance(parent, ParentParty)
    event = parent.events["e1"]
    return event, event.children["ra-1-h0"]


def test_relaxed_offer_that_nobody_asked_for_is_refused() -> None:
    _, event, offer = collecting()
    odd = offer.model_copy(update={"message_id": "odd", "basis": m.Basis.RELAXED})
    with pytest.raises(RefusedMessage, match="none was asked"):
        event.asking.take(event.children["ra-1-h0"], odd)


def test_relaxed_offer_counts_until_the_deadline_of_its_relax() -> None:
    _, event, offer = collecting()
    child, by = event.children["ra-1-h0"], T0 + 10 * MINUTE
    child.relax = RelaxRecord((0,), (), T0, by)
    relaxed = offer.model_copy(update={"basis": m.Basis.RELAXED})
    found = [event.asking.in_time(child, relaxed, Stage.RELAXING, at) for at in (by, by + SECOND)]
    assert found == [True, False]


def test_answer_of_who_was_not_asked_is_refused() -> None:
    world = World()
    world.simple("ra-1", 2, request_values="merit_order", over_request=False)
    world.event(6_000)
    simulation, actor = stopped(world, T0 + 6 * MINUTE)
    offer = said(Story(simulation, world), "offer", "ra-1-h0", "ra-1-h0")
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h1"), offer, T0 + 6 * MINUTE)
    assert refusal(answers) is RejectReason.UNKNOWN_REQUEST


def test_proposal_counts_for_no_more_than_its_contract() -> None:
    _, event, offer = collecting()
    option = m.Option(option_id="o", power_w=(6_000,), basis=(m.OptionBasis.OFFERS,), shape=m.Shape.TRUNCATED)
    head = {"message_id": "odd", "sent_at": T0, "event_id": "e1", "request_id": "e1.1.1", "round": 1, "revision": 1}
    child = event.children["ra-1-h0"]
    event.asking.answers.take_alternative(
        child, m.Alternative(**head, options=(option,), valid_until=offer.valid_until), 1_000
    )
    assert child.best is not None
    assert child.best.power_w == (1_000,)


def _offers_but(ref: str) -> Intercept:
    """No other offer than that to a request leaves."""

    def way_out(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        lost = "/offer/" in post.topic and f'"request_id":"{ref}"'.encode() not in post.payload
        return [] if lost else [(post, timedelta())]

    return way_out


def test_utility_forgets_what_was_firm_when_the_event_is_changed() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(10_000)
    world.intercepts["ac"] = _offers_but("e1.1.1")  # it is asked once more for what stood: nothing of that comes either
    awarded_at = T0 + 7 * MINUTE
    simulation = world.build()
    simulation.give(T0 + 6 * MINUTE, "utility", Issue("e1", "dr", Direction.DECREASE_LOAD, START, (11_000,)))
    simulation.run()
    story = Story(simulation, world)
    later = [one for one in story.to("award", "utility", "ac") if one.sent_at > awarded_at]
    assert {one.request_id for one in later} == {
        "e1.1.1"
    }  # what stood stands again, as it did; nothing of it is offered anew
    assert story.note("earlier_deal_stands", "utility").data["power_w"] == (10_000,)


def test_refused_confirm_cannot_be_taken_back() -> None:
    event, child = standing()
    assert child.award is not None
    award_id = event.awards.award_id(child.name, child.award)
    head = {"sent_at": T0, "event_id": "e1", "request_id": "e1.1.1", "round": 1, "revision": child.award.revision}
    refused = m.Confirm(**head, message_id="no", award_id=award_id, accepted=False, reason="x")
    event.award_answers.confirm(child.name, refused, T0 + 6 * MINUTE)
    with pytest.raises(RefusedMessage, match="final"):
        event.award_answers.confirm(
            child.name, m.Confirm(**head, message_id="yes", award_id=award_id, accepted=True), T0
        )
    assert child.awarded_w is None


def test_nobody_is_awarded_more_than_it_offered() -> None:
    event, child = standing()
    assert child.accepted is not None
    with pytest.raises(RuntimeError, match="above the offer"):
        event.awards.give([(child, child.accepted, (6_001,))], T0 + 6 * MINUTE)


def test_withdrawal_of_another_award_is_refused() -> None:
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    head = {"message_id": "odd", "sent_at": T0, "event_id": "e1", "request_id": "e1.1.1", "round": 1, "revision": 1}
    odd = m.Withdraw(**head, award_id="another", from_slot=0, power_w=(0,), cause="x")
    answers = heard(actor("ra-1"), Edge("ra-1", "ra-1-h0"), odd, T0 + 6 * MINUTE)
    assert refusal(answers) is RejectReason.UNKNOWN_AWARD


def test_meter_value_without_an_award_is_no_report() -> None:
    simulation, _, _ = collecting()
    now = simulation.now + SECOND
    reading = Measured("ev-ra-1-0", now, 30_000, "e1", 0, -1_000)
    effects = simulation.actor("ra-1-h0").receive(reading, now)
    assert [effect for effect in effects if isinstance(effect, Send)] == []


def test_home_that_opts_out_in_a_later_round_drops_what_it_offered_before() -> None:
    simulation, _, _ = collecting()
    home, now = simulation.actor("ra-1-h0"), simulation.now + SECOND
    assert isinstance(home, Der)
    request = home.events["e1"].request
    home.events["e1"].consent = False
    again = request.model_copy(update={"message_id": "again", "request_id": "e1.1.2", "round": 2})
    (offer,) = [o for o in heard(home, Edge("ra-1", "ra-1-h0"), again, now) if isinstance(o, m.Offer)]
    assert offer.opt is m.Opt.OUT
    assert home.events["e1"].earlier == {}
    assert "e1" not in home.ledger.all()


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


def test_withdrawal_of_what_is_not_awarded_any_more_is_refused() -> None:
    event, child = standing()
    event.awards.release([(child, m.Outcome.NOT_NEEDED, "x")], T0 + 6 * MINUTE)
    assert child.award is not None
    award_id = event.awards.award_id(child.name, child.award)
    head = {"message_id": "odd", "sent_at": T0, "event_id": "e1", "request_id": "e1.1.1", "round": 1, "revision": 1}
    odd = m.Withdraw(**head, award_id=award_id, from_slot=0, power_w=(0,), cause="x")
    with pytest.raises(RefusedMessage, match="no award"):
        event.award_answers.withdraw(child.name, odd, T0 + 6 * MINUTE)


def test_award_that_nobody_confirms_is_lost() -> None:
    world = small()
    world.intercepts["ra-1-h0"] = dropping("confirm", "e1.1.1")
    assert world.run().note("award_lost", "ra-1").data["child"] == "ra-1-h0"


@pytest.mark.parametrize(("parent", "child"), [("utility", "ac"), ("ac", "ra-1")])
def test_another_request_of_the_same_round_is_refused(parent: str, child: str) -> None:
    request = said(small().run(), "request", parent, child)
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    odd = request.model_copy(update={"message_id": "odd", "request_id": "e1.1.9"})
    assert refusal(heard(actor(child), Edge(parent, child), odd, T0 + 6 * MINUTE)) is RejectReason.CONFLICT


@pytest.mark.parametrize(("parent", "child"), [("utility", "ac"), ("ac", "ra-1")])
def test_award_of_an_event_that_is_over_is_not_confirmed(parent: str, child: str) -> None:
    award = said(small().run(), "award", parent, child)
    simulation = small().build()
    simulation.give(T0 + 20 * MINUTE, "utility", Cancel("e1"))
    simulation.run(until=T0 + 21 * MINUTE)
    odd = award.model_copy(update={"message_id": "odd", "revision": 9})
    answers = heard(simulation.actor(child), Edge(parent, child), odd, T0 + 21 * MINUTE)
    assert [answer.accepted for answer in answers if isinstance(answer, m.Confirm)] == [False]


def test_relax_about_another_request_is_refused() -> None:
    _, actor = stopped(small(), T0 + 6 * MINUTE)
    head = {"message_id": "odd", "sent_at": T0, "event_id": "e1", "request_id": "e1.0.9", "round": 1, "revision": 1}
    odd = m.Relax(**head, shortfall_w=(1,), restrictions=(m.Restriction.RESERVE_SOC,), reply_by=T0 + 30 * MINUTE)
    assert refusal(heard(actor("ra-1"), Edge("ac", "ra-1"), odd, T0 + 6 * MINUTE)) is RejectReason.STALE


def test_what_is_due_is_done_before_what_has_come_in() -> None:
    _, event, offer = collecting()
    by = event.children["ra-1-h1"].request
    assert by is not None
    odd = offer.model_copy(update={"message_id": "ra-1-h1.odd"})
    party: Any = event.out.party
    heard(party, Edge("ra-1", "ra-1-h1"), odd, by.reply_by + SECOND)
    assert event.stage is not Stage.COLLECTING
    assert event.children["ra-1-h1"].best is None


def test_slot_is_not_summed_up_before_it_is_over() -> None:
    world = small()
    story = world.run()
    _, actor = stopped(small(), START + 10 * MINUTE)
    reports = [said(story, "report", f"ra-1-h{n}", f"ra-1-h{n}") for n in range(2)]
    answers = [
        answer
        for n, report in enumerate(reports)
        for answer in heard(actor("ra-1"), Edge("ra-1", f"ra-1-h{n}"), report, START + 10 * MINUTE)
    ]
    assert [answer for answer in answers if isinstance(answer, m.Report)] == []


def test_what_a_mandate_concluded_is_not_withdrawn_from_who_has_not_bought_it() -> None:
    event, _ = standing()
    assert event.up is not None
    event.up.award = None
    event.up.withdraw((1,), (0,), "x", T0 + 6 * MINUTE)
    assert event.up.withdrawal.said is None


def test_earlier_answer_that_is_not_backed_any_more_is_refused() -> None:
    world = World(coordinator={"plan": "by_scale", "max_rerequests": 1})
    world.simple("ra-1", 2, scale_w=20_000)
    world.simple("ra-2", 4, scale_w=20_000)
    world.event(36_000)
    world.intercepts["ac"] = dropping("award", "e1.1.2")
    world.intercepts["ra-2"] = dropping("offer", "e1.1.2")
    simulation, actor = stopped(world, T0 + 20 * MINUTE)
    (award,) = [a for a in Story(simulation, world).to("award", "ac", "ra-2")[:1] if isinstance(a, m.Award)]
    aggregator = actor("ra-2")
    assert isinstance(aggregator, ParentParty)
    event = aggregator.events["e1"]
    assert event.up is not None
    assert award.accepts in event.up.earlier
    for name in ("ra-2-h0", "ra-2-h1"):
        event.children.store(event.children[name], None, None)
        event.children.lock(event.children[name], None)
    answers = heard(aggregator, Edge("ac", "ra-2"), award, T0 + 20 * MINUTE)
    assert [answer.accepted for answer in answers if isinstance(answer, m.Confirm)] == [False]


def test_stage_that_may_not_follow_is_our_own_fault() -> None:
    event, _ = standing()
    with pytest.raises(RuntimeError, match="not in the table"):
        event.go(Stage.JUDGING)


def test_same_plan_to_all_is_bought_once() -> None:
    world = World(coordinator={"plan": "same"})
    world.simple("ra-1", 2)
    world.simple("ra-2", 2)
    world.event(12_000)
    story = world.run()
    assert story.note("answer_judged").data["offered_w"] == (12_000,)
    assert story.settled_wh() == (6_000, 6_000)


def test_surplus_that_made_it_worse_is_set_aside() -> None:
    _, event, _ = collecting()
    role, child = event.role, event.children["ra-1-h0"]
    assert isinstance(role, AggregatorRole)
    event.children.lock(child, child.own)
    role.climb.surplus, role.climb.before_w = True, (99_999,)
    role.all_in(T0 + 5 * MINUTE + SECOND)
    assert child.set_aside
    assert child.best is child.locked


def test_deal_that_fell_short_before_its_award_is_stated() -> None:
    world = small()
    world.intercepts["ac"] = dropping("award", "e1.1.1")
    simulation, actor = stopped(world, T0 + 6 * MINUTE)
    award = said(Story(simulation, world), "award", "ac", "ra-1")
    aggregator = actor("ra-1")
    assert isinstance(aggregator, ParentParty)
    event = aggregator.events["e1"]
    event.children.store(event.children["ra-1-h0"], None, None)
    answers = heard(aggregator, Edge("ac", "ra-1"), award, T0 + 6 * MINUTE)
    assert [answer.power_w for answer in answers if isinstance(answer, m.Withdraw)] == [(6_000,)]
