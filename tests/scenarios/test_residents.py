"""By hand: a resident is asked once an event, an answer stands for all its rounds, and may be changed at any time."""

import tomllib
from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from checker import violations
from hunter import broken, plan_of
from worlds import START, T0, Story, World, battery, late

from agents.runtime.files.scenario import build_scenario
from agents.settings.members import Member
from agents.settings.parties import Consent
from agents.tools.run.simulate import build_simulation
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Cancel, Decided, Input, Issue, Question, Setpoint
from protocol.units import Direction

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
ISSUED = T0 + 5 * MINUTE


def asked_home(world: World, name: str, parent: str, **settings: Any) -> Any:
    return world.home(name, parent, battery(f"bat-{name}"), consent=Consent.ASK, **settings)


def residents() -> World:
    """The first of two homes has a resident at hand; in the other nobody answers, so the negotiation goes on."""
    world = World()
    homes = [asked_home(world, name, "ra-1") for name in ("h-1", "h-2")]
    world.aggregator("ra-1", homes, capacity_w=5_000)
    world.event(10_000)
    return world


def answers(*said: tuple[str, datetime, bool]) -> Any:
    """A story's simulation with these answers of residents."""

    def given(world: World, seed: int = 0, **options: Any) -> Story:
        simulation = world.build(seed, **options)
        for name, at, take_part in said:
            simulation.give(at, name, Decided("e1", take_part))
        simulation.run()
        return Story(simulation, world)

    return given


def offers(story: Story, name: str) -> list[m.Offer]:
    return [message for message in story.sent("offer", name) if isinstance(message, m.Offer)]


def awards(story: Story, parent: str, name: str) -> list[tuple[m.Outcome, tuple[int, ...]]]:
    return [(a.outcome, a.power_w) for a in story.to("award", parent, name) if isinstance(a, m.Award)]


def questions(simulation: Simulation) -> list[tuple[str, str]]:
    return [(e.actor, q.event_id) for e in simulation.trace for q in e.effects if isinstance(q, Question)]


def commanded(story: Story, name: str) -> list[Setpoint]:
    return [e for one in story.simulation.trace if one.actor == name for e in one.effects if isinstance(e, Setpoint)]


def test_no_before_the_award_takes_the_offer_back_at_once() -> None:
    story = answers(("h-1", ISSUED + 10 * SECOND, True), ("h-1", ISSUED + 60 * SECOND, False))(residents())
    first, second = offers(story, "h-1")
    assert (first.opt, second.opt, second.revision) == (m.Opt.IN, m.Opt.OUT, 2)
    assert second.sent_at == ISSUED + 60 * SECOND
    assert awards(story, "ra-1", "h-1") == []
    assert commanded(story, "h-1") == []
    assert story.notes("offers_summed", "ra-1")[0].data["available_w"] == (5_000,)
    assert violations(story.simulation.trace) == []


def two_aggregators() -> World:
    """One answers at once; in a home of the other nobody is there, so the coordinator waits until the stored rule."""
    world = World(coordinator={"plan": "by_scale"})
    world.simple("ra-1", 2, scale_w=12_000)
    world.aggregator("ra-2", [asked_home(world, "slow", "ra-2")], scale_w=5_000)
    world.event(17_000)
    return world


def test_aggregator_that_has_offered_tells_upward_in_time() -> None:
    story = answers(("ra-1-h0", ISSUED + 30 * SECOND, False))(two_aggregators())
    first, second = offers(story, "ra-1")[:2]
    assert (first.power_w, second.power_w) == ((12_000,), (6_000,))
    assert second.sent_at < offers(story, "slow")[0].sent_at
    assert story.note("answer_corrected", "ra-1").data == {"told_w": (12_000,), "available_w": (6_000,)}
    given = [power_w for outcome, power_w in awards(story, "ac", "ra-1") if outcome is m.Outcome.CONCLUDED]
    assert all(power_w <= (6_000,) for power_w in given)
    assert story.notes("award_refused") == story.notes("withdrawn") == []
    assert violations(story.simulation.trace) == []


def test_own_storage_takes_the_place_of_an_offer_that_is_taken_back() -> None:
    world = World(coordinator={"plan": "by_scale"})
    world.simple("ra-1", 2, scale_w=12_000, storage=(battery("own", 6_000),))
    world.aggregator("ra-2", [asked_home(world, "slow", "ra-2")], scale_w=5_000)
    world.event(17_000)
    story = answers(("ra-1-h0", ISSUED + 30 * SECOND, False))(world)
    assert len(offers(story, "ra-1")) == 1
    assert story.note("awards_sent", "ra-1").data["storage_w"] == (6_000,)
    assert story.note("settled", "utility").data["delivered_wh"] == 8_500
    assert violations(story.simulation.trace) == []


def test_offer_of_a_lower_aggregator_is_taken_back_through_both_tiers() -> None:
    world = World(coordinator={"plan": "by_scale"})
    homes = [world.home(f"low-{n}", "sub-1", battery(f"bat-{n}")) for n in range(2)]
    world.aggregator("sub-1", homes, parent="ra-1", capacity_w=5_000)
    below = Member(name="sub-1", kind="aggregator", increase_load_w=10_000, decrease_load_w=10_000)
    world.aggregator("ra-1", members=(below,), scale_w=10_000)
    world.aggregator("ra-2", [asked_home(world, "slow", "ra-2")], scale_w=5_000)
    world.event(15_000)
    story = answers(("low-0", ISSUED + 30 * SECOND, False))(world)
    assert [offer.power_w for offer in offers(story, "ra-1")[:2]] == [(10_000,), (5_000,)]
    assert story.notes("award_refused") == story.notes("withdrawn") == []
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize("milliseconds", range(120, 720, 20))
def test_no_that_crosses_the_award_is_never_controlled(milliseconds: int) -> None:
    world = World()
    world.simple("ra-1", 3, storage=(battery("own", 6_000),))
    world.event(18_000, 18_000)
    story = answers(("ra-1-h1", ISSUED + timedelta(milliseconds=milliseconds), False))(world, seed=milliseconds)
    assert [setpoint for setpoint in commanded(story, "ra-1-h1") if setpoint.power_w is not None] == []
    assert story.note("settled", "utility").data["delivered_wh"] == 18_000
    assert violations(story.simulation.trace) == []


def test_late_yes_in_time_is_counted() -> None:
    world = residents()
    world.homes = [home.model_copy(update={"stored_rule": False}) for home in world.homes]
    world.intercepts["h-2"] = late(6 * MINUTE)
    asked = answers()(world).to("request", "ra-1", "h-1")[0]
    assert isinstance(asked, m.Request)
    just_in_time = asked.reply_by - 10 * SECOND
    story = answers(("h-1", just_in_time, True))(world)
    first, second = offers(story, "h-1")[:2]
    assert [(offer.opt, offer.revision) for offer in (first, second)] == [(m.Opt.OUT, 1), (m.Opt.IN, 2)]
    assert story.notes("offers_summed", "ra-1")[0].data["available_w"] == (5_000,)
    assert violations(story.simulation.trace) == []


def test_late_yes_is_answered_with_why_not() -> None:
    world = residents()
    world.homes[0] = world.homes[0].model_copy(update={"stored_rule": False})
    world.homes[1] = world.homes[1].model_copy(update={"consent": Consent.ALWAYS})
    asked = answers()(world).to("request", "ra-1", "h-1")[0]
    assert isinstance(asked, m.Request)
    story = answers(("h-1", asked.decide_by, True))(world)
    (told,) = [a for a in story.to("award", "ra-1", "h-1") if isinstance(a, m.Award)]
    assert (told.outcome, told.reason) in {
        (m.Outcome.NOT_NEEDED, "too late to be counted"),
        (m.Outcome.NOT_NEEDED, "the deal is covered by others"),
        (m.Outcome.NO_DEAL, "the request cannot be met"),
    }
    assert violations(story.simulation.trace) == []


def two_rounds() -> World:
    """An aggregator whose homes all ask is short, and is asked in a second round for what it proposed."""
    world = World(coordinator={"plan": "by_scale"})
    homes = [asked_home(world, f"h-{n}", "ra-1", stored_rule=False) for n in range(2)]
    world.aggregator("ra-1", homes, scale_w=20_000, capacity_w=5_000)
    world.simple("ra-2", 4, scale_w=20_000)
    world.event(38_000)
    return world


def test_yes_of_the_first_round_stands_in_the_second() -> None:
    heard: list[str] = []

    def once(name: str, question: Question) -> tuple[Input, timedelta] | None:
        """In the second round nobody is there."""
        if name in heard:
            return None
        heard.append(name)
        return Decided(question.event_id, True), 5 * SECOND

    world = two_rounds()
    simulation = world.build(decide=once)
    simulation.run()
    story = Story(simulation, world)
    assert {message.round for message in story.to("request", "ra-1", "h-0") if isinstance(message, m.Request)} >= {1, 2}
    assert [(offer.opt, offer.round) for offer in offers(story, "h-0")] == [(m.Opt.IN, 1), (m.Opt.IN, 2)]
    assert questions(simulation) == [("h-0", "e1"), ("h-1", "e1")]
    assert violations(simulation.trace) == []


def changed(power_w: tuple[int, ...], start: datetime = START) -> World:
    world = residents()
    simulation = world.build()
    for home in ("h-1", "h-2"):
        simulation.give(ISSUED + 10 * SECOND, home, Decided("e1", True))
    simulation.give(ISSUED + 5 * MINUTE, "utility", Issue("e1", "dr", Direction.DECREASE_LOAD, start, power_w))
    simulation.run()
    assert violations(simulation.trace) == []
    return world


def test_change_to_more_power_asks_nobody_again() -> None:
    world = changed((9_000,))
    assert world.simulation is not None
    assert len(questions(world.simulation)) == 2
    more = changed((10_500,))
    assert more.simulation is not None
    assert len(questions(more.simulation)) == 2


def test_change_to_other_hours_is_another_question() -> None:
    world = changed((10_000,), START + 30 * MINUTE)
    assert world.simulation is not None
    assert len(questions(world.simulation)) == 4


def test_who_said_no_is_not_asked_in_a_later_round() -> None:
    world = World(coordinator={"plan": "by_scale"})
    world.simple("ra-1", 2, scale_w=20_000)
    world.simple("ra-2", 4, scale_w=20_000)
    world.aggregator("ra-3", [asked_home(world, "slow", "ra-3")], scale_w=5_000)
    world.event(43_000)
    story = answers(("ra-1-h0", ISSUED + 20 * SECOND, False))(world)
    assert {message.round for message in story.to("request", "ra-1", "ra-1-h1") if isinstance(message, m.Request)} == {
        1,
        2,
    }
    assert [message.round for message in story.to("request", "ra-1", "ra-1-h0") if isinstance(message, m.Request)] == [
        1
    ]
    assert violations(story.simulation.trace) == []


def random_minds(seed: int) -> tuple[World, Simulation]:
    """A world of the hunter's with its losses, crashes and orders, in which residents change their minds."""
    world, plan = plan_of(seed)
    random = Random(f"minds-{seed}")
    kinds = [Consent.ASK, Consent.ASK, Consent.ALWAYS, Consent.NEVER]
    world.homes = [
        home.model_copy(update={"consent": random.choice(kinds), "stored_rule": random.random() < 0.6})
        for home in world.homes
    ]
    simulation = world.build(seed, plan.faults)
    for after, who, order in plan.orders:
        if isinstance(order, Issue | Cancel) and order.event_id == "e1":
            simulation.give(T0 + after, who, order)
    for home in world.homes:
        for _ in range(random.choice([0, 1, 2, 3])):
            latest_s = random.choice([420, 900, 3_600, 7_200])
            at = T0 + timedelta(seconds=random.uniform(300, latest_s))
            simulation.give(at, home.name, Decided("e1", random.random() < 0.5))
    simulation.run()
    return world, simulation


def test_promises_hold_while_residents_change_their_minds() -> None:
    found: dict[int, list[str]] = {}
    told: Counter[str] = Counter()
    for seed in (*range(120), 439, 534, 775):
        world, simulation = random_minds(seed)
        told.update({note.name for _, _, note in simulation.notes})
        if wrong := broken(world, simulation):
            found[seed] = wrong
    assert found == {}
    assert min(told[name] for name in ("offer_taken_back", "answer_corrected", "late_answer_recorded", "withdrawn")) > 5


THREE_TIERS = """
[scenario]
name = "tiers"
start_at = 2026-01-14T17:00:00Z
ends_at = 2026-01-14T20:20:00Z
[[utility.events]]
event_id = "e1"
issue_at = 2026-01-14T17:05:00Z
direction = "decrease_load"
start = 2026-01-14T18:00:00Z
power_w = [18000, 18000]
[coordinator]
name = "ac"
[[aggregators]]
name = "ra-1"
[[aggregators]]
name = "sub-1"
parent = "ra-1"
[[homes]]
name = "h-{n}"
parent = "sub-1"
count = 3
consent = "ask"
stored_rule = false
%s
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


def three_tiers(line: str, answer_after: timedelta) -> Simulation:
    scenario = build_scenario(tomllib.loads(THREE_TIERS % line), "tiers.toml")
    simulation = build_simulation(scenario, 1, keep_trace=True)
    for home in ("h-1", "h-2", "h-3"):
        simulation.give(ISSUED + answer_after, home, Decided("e1", True))
    simulation.run(until=scenario.ends_at)
    assert violations(simulation.trace) == []
    return simulation


def given_s(simulation: Simulation) -> set[int]:
    """How many seconds each resident has."""
    found = [(e.at, q) for e in simulation.trace for q in e.effects if isinstance(q, Question)]
    return {int((question.answer_by - at).total_seconds()) for at, question in found}


def settled_wh(simulation: Simulation) -> list[object]:
    return [note.data["delivered_wh"] for _, _, note in simulation.notes if note.name == "settled"]


def test_resident_has_the_time_that_the_contract_says_through_three_tiers() -> None:
    assert max(given_s(three_tiers("", 9 * MINUTE))) < 120
    patient = three_tiers("answers_within_s = 600", 9 * MINUTE)
    assert given_s(patient) == {600}
    assert settled_wh(patient) == [18_000]
    assert [note.name for _, _, note in patient.notes if note.name == "asked_too_late"] == []


def test_who_cannot_be_asked_in_time_is_named_at_every_tier() -> None:
    hurried = three_tiers("answers_within_s = 3600", MINUTE)
    told = {who: note.data["first"] for _, who, note in hurried.notes if note.name == "asked_too_late"}
    assert told == {"ac": ["ra-1"], "ra-1": ["sub-1"], "sub-1": ["h-1", "h-2", "h-3"]}
    (event,) = hurried.actor("sub-1").status()["events"]  # type: ignore[misc]
    assert event["not_in_time"] == ["h-1", "h-2", "h-3"]
    assert settled_wh(hurried) == [18_000]
    assert min(given_s(hurried)) > 600
