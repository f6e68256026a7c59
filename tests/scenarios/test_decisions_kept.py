"""What was decided stays decided: over rounds, after an opt-out, at a change to less, against what a child says later."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import START, T0, Story, World, late

from agents.parties.coordinator.role import CoordinatorRole
from agents.runtime.files.scenario import build_scenario
from agents.tools.run.simulate import build_simulation
from broker.bus import Post
from protocol import messages as m
from protocol.actor import Cancel, Decided, Issue
from protocol.codec import encode
from protocol.errors import RejectReason
from protocol.units import Direction

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def outcome(story: Story, who: str = "utility") -> object:
    return story.notes("closed", who)[-1].data["outcome"]


def short_and_rich(**coordinator: Any) -> World:
    """Two aggregators asked for 20 kW each: one has 12 kW, the other 24 kW."""
    world = World(coordinator={"plan": "by_scale", **coordinator})
    world.simple("ra-1", 2, scale_w=20_000)
    world.simple("ra-2", 4, scale_w=20_000)
    world.event(36_000, 36_000)
    return world


def test_accepted_alternative_stays_accepted_in_the_last_round() -> None:
    story = short_and_rich(max_rerequests=1).run()
    judged = [note.data["accepted"] for note in story.notes("alternative_judged")]
    assert len(judged) > 1
    assert all(judged)
    assert outcome(story) == "concluded"


def test_surplus_is_counted_once_for_two_alternatives() -> None:
    world = World(coordinator={"plan": "by_scale", "max_rerequests": 2})
    world.simple("ra-1", 2, scale_w=16_000)
    world.simple("ra-2", 2, scale_w=16_000)
    world.simple("ra-3", 4, scale_w=20_000)
    world.event(52_000)
    story = world.run()
    first_round = story.notes("alternative_judged")[:2]
    assert [note.data["shortfall_w"] for note in first_round] == [(4_000,), (4_000,)]
    assert [note.data["others_have_over_w"] for note in first_round] == [(4_000,), (0,)]
    assert [note.data["accepted"] for note in first_round] == [True, False]


def test_aggregator_that_opts_out_frees_its_homes_at_once() -> None:
    world = World()
    world.simple("ra-1", 3, ladder=())
    world.event(60_000)
    story = world.run()
    told = [a for a in story.sent("award", "ra-1") if isinstance(a, m.Award)]
    (declined,) = story.sent("offer", "ra-1")
    assert isinstance(declined, m.Offer)
    assert declined.opt is m.Opt.OUT
    assert {award.outcome for award in told} == {m.Outcome.NO_DEAL}
    assert {award.sent_at for award in told} == {declined.sent_at}


def test_change_to_less_in_the_same_slots_is_cut_from_the_standing_deal() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    simulation = world.build()
    change = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (12_000, 16_000))
    simulation.give(START - 100 * SECOND, "utility", change)
    simulation.run()
    story = Story(simulation, world)
    assert len(story.sent("request", "utility")) == 1
    settled = story.note("settled", "utility")
    assert (settled.data["awarded_wh"], settled.data["delivered_wh"]) == (14_000, 14_000)
    assert violations(simulation.trace) == []


@pytest.mark.parametrize("seconds", [55, 110])
def test_change_to_less_keeps_the_deal_of_homes_that_confirm_it_late(seconds: int) -> None:
    world = World()
    world.simple("ra-1", 4)
    world.intercepts = {home.name: late(seconds * SECOND) for home in world.homes}
    world.event(20_000, 20_000)
    simulation = world.build()
    change = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (12_000, 16_000))
    simulation.give(START - 100 * SECOND, "utility", change)
    simulation.run()
    story = Story(simulation, world)
    assert story.notes("award_lost") == []
    assert outcome(story) == "concluded"
    assert story.notes("settled", "utility")[-1].data["awarded_wh"] == 14_000
    assert story.notes("settled", "utility")[-1].data["delivered_wh"] == 14_000
    assert violations(simulation.trace) == []


def test_corrected_offer_after_the_decision_is_answered_with_why_not() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(12_000)
    offer = next(o for o in world.run().sent("offer", "ra-1-h0") if isinstance(o, m.Offer))
    world = replace(world, simulation=None)
    simulation = world.build()
    later = offer.model_copy(update={"message_id": "corrected", "revision": 2, "power_w": (3_000,)})
    simulation.publish(T0 + 5 * MINUTE + 5 * SECOND, "ra-1-h0", Post("dr/offer/ra-1/ra-1-h0", encode(later)))
    simulation.run()
    (reject,) = [r for r in Story(simulation, world).sent("reject", "ra-1") if isinstance(r, m.Reject)]
    assert (reject.reason, reject.refused_id) == (RejectReason.STALE, "corrected")
    assert "stands" in reject.text


def test_withdrawal_under_a_mandate_is_not_sold_as_secured() -> None:
    world = World(utility={"mandate": True}, coordinator={"plan": "by_scale", "max_rerequests": 2})
    world.simple("ra-1", 2, scale_w=12_000)
    world.simple("ra-2", 2, scale_w=12_000)
    world.event(24_000)
    simulation = world.build()
    simulation.run(until=T0 + 6 * MINUTE)
    coordinator = simulation.actor("ac")
    event = coordinator.events["e1"]  # type: ignore[attr-defined]
    role = event.role
    assert isinstance(role, CoordinatorRole)
    before = role.taken.total_w()
    child = event.children["ra-1"]
    event.award_answers.withdraw(
        "ra-1",
        m.Withdraw(
            message_id="w",
            sent_at=T0,
            event_id="e1",
            request_id="e1.1.1",
            round=1,
            revision=1,
            award_id=event.awards.award_id("ra-1", child.award),
            from_slot=0,
            power_w=(0,),
            cause="fault",
        ),
        T0 + 6 * MINUTE,
    )
    assert (before, role.taken.total_w()) == ((24_000,), (12_000,))


def test_planned_event_that_is_cancelled_before_it_is_issued_is_never_issued() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(12_000, issue_at=T0 + 10 * MINUTE)
    simulation = world.build()
    simulation.give(T0 + 2 * MINUTE, "utility", Cancel("e1"))
    simulation.run()
    story = Story(simulation, world)
    assert story.sent("request") == []
    assert story.note("planned_event_cancelled").event_id == "e1"


def test_planned_event_does_not_overwrite_an_operators_of_the_same_id() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(12_000, issue_at=T0 + 10 * MINUTE)
    simulation = world.build()
    own = Issue("e1", "dr", Direction.DECREASE_LOAD, START, (6_000,))
    simulation.give(T0 + 2 * MINUTE, "utility", own)
    simulation.run()
    assert [r.power_w for r in Story(simulation, world).sent("request", "utility")] == [(6_000,)]  # type: ignore[attr-defined]


def test_event_issued_in_the_lead_of_its_first_slot_is_dispatched_in_full() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(20_000, 20_000, issue_at=START - 50 * SECOND)
    settled = world.run().note("settled", "utility")
    assert settled.data["delivered_wh"] == settled.data["awarded_wh"] == 20_000


@pytest.mark.parametrize("seconds", [55, -300])
def test_replacement_in_the_lead_or_inside_a_slot_is_commanded_at_once(seconds: int) -> None:
    world = World()
    world.simple("ra-1", 4)
    (aggregator,) = world.aggregators
    doubtful = tuple(replace(member, reliability_pct=50) for member in aggregator.members)
    world.aggregators = [aggregator.model_copy(update={"members": doubtful})]
    world.event(12_000, 12_000)
    simulation = world.build()
    withdrawn_at = START + 30 * MINUTE - seconds * SECOND
    simulation.give(withdrawn_at, "ra-1-h0", Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    replaced = [str(note.data["child"]) for note in story.notes("replaced", "ra-1")]
    assert replaced
    for name in replaced:
        commands = [d for d in story.to("dispatch", "ra-1", name) if d.sent_at >= withdrawn_at]
        assert commands
        assert commands[0].sent_at - withdrawn_at < 10 * SECOND


def test_refused_confirm_is_final() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(12_000)
    confirm = next(c for c in world.run().sent("confirm", "ra-1-h0") if isinstance(c, m.Confirm))
    world = replace(world, simulation=None)
    world.intercepts = {"ra-1-h0": lambda sender, post: [] if "/confirm/" in post.topic else [(post, timedelta())]}
    simulation = world.build()
    for number, accepted in enumerate((False, True, False, True)):
        said = confirm.model_copy(update={"message_id": f"c{number}", "accepted": accepted})
        simulation.publish(T0 + 31 * MINUTE + number * SECOND, "foe", Post("dr/confirm/ra-1/ra-1-h0", encode(said)))
    simulation.run()
    event = simulation.actor("ra-1").events["e1"]  # type: ignore[attr-defined]
    assert event.children["ra-1-h0"].awarded_w is None


@pytest.mark.parametrize("kind", ["withdraw", "alternative"])
def test_message_of_an_impossible_form_is_refused_and_ends_nobody(kind: str) -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(12_000)
    told = world.run()
    offer = next(o for o in told.sent("offer", "ra-1-h0") if isinstance(o, m.Offer))
    award = next(a for a in told.to("award", "ra-1", "ra-1-h0") if isinstance(a, m.Award))
    head = {"message_id": "odd", "sent_at": T0, "event_id": "e1", "request_id": "e1.1.1", "round": 1, "revision": 1}
    if kind == "withdraw":
        odd: m.EventMessage = m.Withdraw(**head, award_id=award.award_id, from_slot=0, power_w=(0, 0, 0), cause="x")
        at, reason = T0 + 50 * MINUTE, RejectReason.WRONG_SLOTS
    else:
        option = m.Option(option_id="o", power_w=(12_000,), basis=(m.OptionBasis.OFFERS,), shape=m.Shape.TRUNCATED)
        odd = m.Alternative(**head, options=(option,), valid_until=offer.valid_until)
        at, reason = T0 + 5 * MINUTE + 5 * SECOND, RejectReason.UNKNOWN_TOPIC
    world = replace(world, simulation=None)
    if kind == "alternative":
        world.intercepts = {"ra-1-h0": late(10 * SECOND)}
    simulation = world.build()
    simulation.publish(at, "foe", Post(f"dr/{kind}/ra-1/ra-1-h0", encode(odd)))
    simulation.run()
    story = Story(simulation, world)
    assert [r.reason for r in story.sent("reject", "ra-1") if isinstance(r, m.Reject)] == [reason]
    assert outcome(story) == "concluded"


def test_offer_counts_for_no_more_than_its_contract() -> None:
    def boasts(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if "/offer/" in post.topic:
            payload = post.payload.replace(b'"available_w":[6000]', b'"available_w":[1000000]')
            return [(post._replace(payload=payload), timedelta())]
        return [(post, timedelta())]

    world = World()
    world.simple("ra-1", 2)
    world.event(12_000)
    world.intercepts["ra-1-h0"] = boasts
    story = world.run()
    (offer,) = [o for o in story.sent("offer", "ra-1") if isinstance(o, m.Offer)]
    assert offer.available_w == (6_600 + 6_000,)


def test_impossible_reading_is_marked_and_not_counted() -> None:
    def register(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if post.topic.startswith("dr/report/ra-1"):
            return [
                (post._replace(payload=post.payload.replace(b'"energy_wh":-', b'"energy_wh":12345678')), timedelta())
            ]
        return [(post, timedelta())]

    world = World()
    world.simple("ra-1", 2)
    world.event(12_000)
    world.intercepts["ra-1-h0"] = register
    story = world.run()
    assert story.note("impossible_reading", "ra-1").data["child"] == "ra-1-h0"
    metered = story.note("slot_metered", "ra-1")
    assert (metered.data["delivered_wh"], metered.data["silent"]) == (3_000, 1)


TIERS = """
[scenario]
name = "tiers"
start_at = 2026-01-14T17:00:00Z
ends_at = 2026-01-14T20:20:00Z
[[utility.events]]
event_id = "e1"
issue_at = 2026-01-14T17:05:00Z
direction = "decrease_load"
start = 2026-01-14T18:00:00Z
power_w = [12000, 12000]
[coordinator]
[[aggregators]]
name = "upper"
[[aggregators]]
name = "lower"
parent = "upper"
relax_from_above = true
[[homes]]
name = "h-{n}"
parent = "lower"
count = 2
[[homes.devices]]
kind = "vehicle"
resource_id = "ev-{n}"
capacity_wh = 40000
soc_wh = 30000
departs_at = 2026-01-15T07:00:00Z
departure_soc_wh = 30000
reserve_wh = 28000
max_charge_w = 6000
max_discharge_w = 6000
[[homes.devices.relaxations]]
restriction = "reserve_soc"
steps = [8000]
"""


def test_rung_kept_for_the_parent_is_climbed_in_a_scenario_of_tiers() -> None:
    scenario = build_scenario(tomllib.loads(TIERS), "tiers.toml")
    simulation = build_simulation(scenario, 1)
    simulation.run(until=scenario.ends_at)
    steps = [note.step for _, actor, note in simulation.notes if actor == "upper"]
    assert "S28" in steps
    assert "S30" in steps
    (settled,) = [note for _, _, note in simulation.notes if note.name == "settled"]
    assert settled.data["delivered_wh"] == 12_000
    assert violations(simulation.trace) == []
