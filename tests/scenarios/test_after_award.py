"""After the award: what is lost on the way is said again, what comes late corrects, who gives less is noticed and mended."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from checker import violations
from worlds import START, T0, Story, World, battery

from agents.history.line import NoteLine
from agents.history.narrate import words
from agents.negotiation.sources import SourceSum, extension
from agents.negotiation.sources import told as sources_told
from agents.parties.der.actor import Der
from agents.settings.parties import EventSettings
from broker.bus import Post
from broker.chance import Faults
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Cancel, Decided, Driver, Measured, Received
from protocol.codec import encode
from protocol.edges import Edge
from protocol.errors import RejectReason

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@dataclass
class WeakDriver:
    """Of a device that moves by a share of what it is told only: its set-points count from 0 W."""

    driver: Driver
    pct: int

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        self.driver.set_power(None if power_w is None else power_w * self.pct // 100, at, until)

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        return self.driver.measure(from_at, until)


@dataclass
class WeakWorld(World):
    """A world in which some homes give less than they are told."""

    pcts: dict[str, int] = field(default_factory=dict)

    def _party(self, build: Callable[[], Any], *given: Any) -> Any:
        party = super()._party(build, *given)
        pct = self.pcts.get(party.actor.name)
        if pct is not None:
            party.drivers = {name: WeakDriver(driver, pct) for name, driver in party.drivers.items()}
        return party


def doubtful(world: World, pct: int = 50, **changes: Any) -> None:
    """Let the aggregators ask for more than they need: those hold offers above their awards."""
    world.aggregators = [
        one.model_copy(
            update={"members": tuple(replace(member, reliability_pct=pct, **changes) for member in one.members)}
        )
        for one in world.aggregators
    ]


def flowed_wh(simulation: Simulation, world: World, event: EventSettings) -> int:
    """What the homes really gave in an event, Wh: their own schedules take nothing."""
    end = event.start + timedelta(seconds=event.slot_s) * len(event.power_w)
    total = 0
    for home in world.homes:
        for driver in simulation.nodes[home.name].stepper.drivers.values():
            total -= driver.measure(event.start, end).energy_wh or 0
    return total


def settled(story: Story) -> dict[str, Any]:
    """The utility's last account."""
    return dict(story.notes("settled", "utility")[-1].data)


def told_by(story: Story, name: str, who: str) -> list[dict[str, Any]]:
    """What the notes of a name of a party say."""
    return [dict(note.data) for note in story.notes(name, who)]


def lost(*numbers: int, kind: str) -> Callable[[str, Post], list[tuple[Post, timedelta]]]:
    """An intercept: the messages of a kind with these numbers are lost."""
    seen = 0

    def way(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        nonlocal seen
        if post.topic.startswith(f"dr/{kind}/"):
            seen += 1
            if seen in numbers:
                return []
        return [(post, timedelta())]

    return way


def metering(wh: int) -> Callable[[str, Post], list[tuple[Post, timedelta]]]:
    """Its meter tells this for every slot."""

    def way_out(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if "/report/" in post.topic:
            post = post._replace(payload=re.sub(rb'"energy_wh":-?\d+', b'"energy_wh":%d' % wh, post.payload))
        return [(post, timedelta())]

    return way_out


def dropping_slot(slot: int) -> Callable[[str, Post], list[tuple[Post, timedelta]]]:
    """An intercept: the utility never hears a slot's meter value."""

    def way(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        lost = post.topic.startswith("dr/report/utility/") and f'"slot":{slot},'.encode() in post.payload
        return [] if lost else [(post, timedelta())]

    return way


def test_lost_report_is_asked_for_inside_its_grace() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(18_000, 18_000)
    world.intercepts["ra-1-h0"] = lost(1, kind="report/ra-1")
    story = world.run()
    assert settled(story)["delivered_wh"] == 18_000
    asked = story.note("reports_asked", "ra-1")
    assert (asked.data["slot"], asked.data["asked"]) == (0, 1)
    assert [note.data["silent"] for note in story.notes("slot_metered", "ra-1")] == [0, 0]


def test_repeated_dispatch_of_a_reported_slot_is_answered_with_the_report() -> None:
    world = World()
    world.simple("ra-1", 1)
    world.event(6_000, 6_000)
    simulation = world.build()
    simulation.run(until=START + 31 * MINUTE)
    (first, *_) = [post for _, who, post in simulation.posts if who == "ra-1" and "/dispatch/" in post.topic]
    simulation.publish(START + 32 * MINUTE, "ra-1", first)
    simulation.run()
    on_edge = [post.payload for _, _, post in simulation.posts if post.topic == "dr/report/ra-1/ra-1-h0"]
    assert on_edge[:2] == [on_edge[0]] * 2
    assert len(on_edge) == 3


@pytest.mark.parametrize("seed", range(6))
def test_what_is_told_is_what_was_given_however_much_is_lost(seed: int) -> None:
    world = World()
    world.simple("ra-1", 6)
    world.simple("ra-2", 6)
    world.event(60_000, 60_000, 60_000)
    doubtful(world, 100, answers_dispatch=True)
    simulation = world.build(seed, Faults(loss_pct=5))
    simulation.run()
    story = Story(simulation, world)
    if not story.notes("settled", "utility"):
        return  # the deal itself was lost
    told = settled(story)
    assert told["delivered_wh"] == flowed_wh(simulation, world, world.events[0])
    assert violations(simulation.trace) == []


def test_lost_dispatch_is_sent_again_to_who_says_that_it_has_it() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(18_000, 18_000)
    doubtful(world, 100, answers_dispatch=True)
    world.intercepts["ra-1"] = lost(2, kind="dispatch")
    story = world.run()
    assert settled(story)["delivered_wh"] == 18_000
    assert story.notes("dispatch_unanswered") == []


def test_dispatch_asks_nobody_for_an_answer_whose_contract_does_not_know_it() -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(12_000)
    story = world.run()
    assert [d.answer for d in story.sent("dispatch") if isinstance(d, m.Dispatch)] == [None, None]
    assert all(b'"answer"' not in post.payload for _, _, post in story.simulation.posts)
    assert all(r.readings for r in story.sent("report") if isinstance(r, m.Report))


def test_who_does_not_answer_its_dispatch_is_replaced_in_the_slot() -> None:
    def deaf(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        return [] if post.topic.startswith("dr/dispatch/ra-1/ra-1-h0") else [(post, timedelta())]

    world = World()
    world.simple("ra-1", 5)
    world.event(12_000, 12_000)
    doubtful(world, 50, answers_dispatch=True)
    world.intercepts["ra-1"] = deaf
    story = world.run()
    unanswered = [(note.data["child"], note.data["slot"]) for note in story.notes("dispatch_unanswered", "ra-1")]
    assert unanswered == [("ra-1-h0", 0), ("ra-1-h0", 1)]
    told = settled(story)
    assert told["delivered_wh"] == pytest.approx(told["awarded_wh"], rel=0.02)
    assert told["awarded_wh"] == 12_000


def answering_late(by: timedelta) -> Callable[[str, Post], list[tuple[Post, timedelta]]]:
    """An intercept: that a dispatch is there is said late, and nothing else is."""

    def way(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        answers = "/report/" in post.topic and b'"readings":[]' in post.payload
        return [(post, by if answers else timedelta())]

    return way


@pytest.mark.parametrize("pct", [100, 50])
@pytest.mark.parametrize(("late_s", "slots_lost"), [(20, 0), (45, 0), (70, 0), (300, 1)])
def test_dispatch_that_all_answer_late_costs_no_slot_but_the_first(pct: int, late_s: int, slots_lost: int) -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(*[180 * pct] * 3)
    doubtful(world, pct, answers_dispatch=True)
    world.intercepts = {home.name: answering_late(late_s * SECOND) for home in world.homes}
    story = world.run()
    told, slot_wh = settled(story), 90 * pct
    assert len(story.notes("dispatch_answered_late")) == (3 if late_s > 40 else 0)
    assert told["delivered_wh"] == slot_wh * (3 - slots_lost)
    assert told["awarded_wh"] == pytest.approx(told["delivered_wh"], abs=slot_wh // 50)
    assert len(story.notes("shortfall_stated", "ra-1")) == slots_lost
    assert violations(story.simulation.trace) == []


def test_who_answers_late_takes_the_place_of_those_who_replaced_it() -> None:
    world = World()
    world.simple("ra-1", 5)
    world.event(12_000, 12_000)
    doubtful(world, 50, answers_dispatch=True)
    world.intercepts["ra-1-h0"] = answering_late(5 * MINUTE)
    story = world.run()
    assert {note.data["child"] for note in story.notes("replaced", "ra-1")}
    told = settled(story)
    assert told["awarded_wh"] == 12_000
    assert told["delivered_wh"] == pytest.approx(12_000, rel=0.02)
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize("minutes", [-1, 10])
def test_who_refuses_its_dispatch_is_replaced_at_once(minutes: int) -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(12_000, 12_000)
    doubtful(world)
    simulation = world.build()
    simulation.run(until=START - 70 * SECOND)
    home = simulation.actor("ra-1-h0")
    assert isinstance(home, Der)
    if minutes < 0:
        home.events.clear()  # it has lost its memory
        refused_at = START - MINUTE
    else:
        refused_at = START + minutes * MINUTE
        (said,) = [a for a in Story(simulation, world).to("award", "ra-1", "ra-1-h0") if isinstance(a, m.Award)]
        reject = m.Reject(
            message_id="r",
            sent_at=refused_at,
            refused_id=f"ra-1.dispatch.{said.award_id}.0.{said.revision}",
            refused_kind="dispatch",
            refused_by=m.Side.CHILD,
            reason=RejectReason.FAULT,
        )
        simulation.publish(refused_at, "ra-1-h0", Post("dr/reject/ra-1/ra-1-h0", encode(reject)))
    simulation.run()
    story = Story(simulation, world)
    note = story.notes("award_lost" if minutes < 0 else "dispatch_refused", "ra-1")[0]
    assert note.data["child"] == "ra-1-h0"
    replaced = [at for at, who, one in simulation.notes if one.name == "replaced" and who == "ra-1"]
    assert replaced
    assert refused_at <= replaced[0] < refused_at + SECOND
    if minutes < 0:
        assert settled(story)["delivered_wh"] == 12_000


def test_refusal_of_a_dispatch_that_came_before_its_award_counts_for_nothing() -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(12_000, 12_000, issue_at=START - 50 * SECOND)
    simulation = world.build()
    simulation.run()
    story = Story(simulation, world)
    assert story.notes("message_rejected_by_peer", "ra-1")
    assert story.notes("dispatch_refused") == []
    assert settled(story)["delivered_wh"] == 12_000
    assert violations(simulation.trace) == []


def test_meter_values_ten_minutes_late_correct_what_was_settled() -> None:
    def slow(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        return [(post, 10 * MINUTE if "/report/" in post.topic else timedelta())]

    world = World()
    world.simple("ra-1", 4)
    world.event(24_000, 24_000)
    world.intercepts |= {"ra-1-h0": slow, "ra-1-h1": slow}
    simulation = world.build()
    simulation.run()
    story = Story(simulation, world)
    accounts = [one["delivered_wh"] for one in told_by(story, "settled", "utility")]
    assert accounts[0] < 24_000
    assert accounts[-1] == 24_000
    assert simulation.actor("utility").events["e1"].delivery.delivered_wh == 24_000  # type: ignore[attr-defined]


def test_home_whose_value_comes_late_is_counted_on_again_at_once() -> None:
    def slow_once(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        late = "/report/" in post.topic and b'"slot":0,' in post.payload
        return [(post, 12 * MINUTE if late else timedelta())]

    world = World()
    world.simple("ra-1", 4)
    world.event(*[12_000] * 3)
    doubtful(world)
    world.intercepts["ra-1-h0"] = slow_once
    simulation = world.build()
    simulation.run()
    story = Story(simulation, world)
    (again,) = [at for at, _, note in simulation.notes if note.name == "gives_again"]
    assert START + 42 * MINUTE <= again < START + 45 * MINUTE
    told = settled(story)
    assert told["awarded_wh"] == 18_000
    assert told["delivered_wh"] == pytest.approx(18_000, rel=0.04)  # six minutes of both
    assert violations(simulation.trace) == []


@pytest.mark.parametrize(("minutes", "replaced_slots"), [(10, 1), (25, 1), (40, 2)])
def test_home_whose_values_always_come_late_is_replaced_until_its_first_value_comes(
    minutes: int, replaced_slots: int
) -> None:
    world = World()
    world.simple("ra-1", 4)
    world.event(*[12_000] * 5)
    doubtful(world)
    world.intercepts["ra-1-h0"] = lambda _, post: [
        (post, minutes * MINUTE if "/report/" in post.topic else timedelta())
    ]
    simulation = world.build()
    simulation.run()
    story = Story(simulation, world)
    assert len(story.notes("gives_less", "ra-1")) == len(story.notes("gives_again", "ra-1")) == 1
    slots = {one["slot"]: one["delivered_wh"] for one in told_by(story, "slot_metered", "utility")}
    more = [slot for slot, wh in slots.items() if wh > 6_010]
    assert more == list(range(1, 1 + replaced_slots))
    assert settled(story)["delivered_wh"] == flowed_wh(simulation, world, world.events[0])
    assert violations(simulation.trace) == []


@pytest.mark.parametrize("minutes", [10, 40])
def test_home_that_dies_is_noticed_though_its_values_had_come_late(minutes: int) -> None:
    def slow(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if "/report/" not in post.topic:
            return [(post, timedelta())]
        return [] if dead else [(post, minutes * MINUTE)]

    dead: list[bool] = []
    world = World()
    world.simple("ra-1", 4)
    world.event(*[12_000] * 8)
    doubtful(world)
    world.intercepts["ra-1-h0"] = slow
    simulation = world.build()
    simulation.at(START + 105 * MINUTE, lambda: dead.append(True))
    simulation.run()
    first, second = (int(str(note.data["slot"])) for note in Story(simulation, world).notes("gives_less", "ra-1"))
    late = -(-minutes // 30)
    assert (first, second) == (0, 3 + late)


def test_only_the_silent_meter_under_a_lower_aggregator_is_missing() -> None:
    def mute(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        return [] if "/report/" in post.topic else [(post, timedelta())]

    world = World()
    homes = [world.home(f"low-h{i}", "low") for i in range(4)]
    world.aggregator("low", homes, parent="up")
    contract = world.aggregators[0].members[0]
    world.aggregator(
        "up", members=(replace(contract, name="low", kind="aggregator", resources=(), decrease_load_w=24_000),)
    )
    world.scales["up"] = 24_000
    world.event(20_000, 20_000)
    world.intercepts["low-h0"] = mute
    story = world.run()
    assert settled(story)["delivered_wh"] == 15_000
    for who in ("up", "ac", "utility"):
        assert [note.data["silent"] for note in story.notes("slot_metered", who)] == [0, 0]
    assert [note.data["silent"] for note in story.notes("slot_metered", "low")] == [1, 1]


def test_fifth_of_the_homes_that_falls_silent_is_noticed_and_replaced() -> None:
    world = WeakWorld()
    world.simple("ra-1", 10)
    world.event(*[24_000] * 4)
    doubtful(world)
    gone = ("ra-1-h0", "ra-1-h1")
    world.pcts = dict.fromkeys(gone, 0)
    world.intercepts = dict.fromkeys(gone, _mute_after_the_award)
    simulation = world.build()
    simulation.run()
    story = Story(simulation, world)
    assert {note.data["child"] for note in story.notes("gives_less", "ra-1")} == set(gone)
    told = settled(story)
    assert told["delivered_wh"] == flowed_wh(simulation, world, world.events[0])
    after_the_first = told_by(story, "slot_metered", "ra-1")[2:]
    assert all(slot["delivered_wh"] >= 0.97 * slot["awarded_wh"] for slot in after_the_first)
    assert all(slot["delivered_wh"] <= 1.05 * slot["awarded_wh"] for slot in after_the_first)
    assert violations(simulation.trace) == []


def _mute_after_the_award(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
    return [] if "/report/" in post.topic else [(post, timedelta())]


def test_homes_that_all_give_less_are_kept_and_raised_and_the_rest_is_stated() -> None:
    world = WeakWorld()
    world.simple("ra-1", 10)
    world.event(*[24_000] * 6)
    doubtful(world)
    world.pcts = {f"ra-1-h{i}": pct for i, pct in enumerate((0, 8, 16, 24, 32, 40, 48, 56, 64, 80))}
    simulation = world.build()
    simulation.run()
    story = Story(simulation, world)
    slots = told_by(story, "slot_metered", "ra-1")
    first, last = slots[0], slots[-1]
    assert last["delivered_wh"] > 1.2 * first["delivered_wh"]
    assert last["delivered_wh"] >= 0.95 * last["awarded_wh"]
    stated = story.notes("shortfall_stated", "ra-1")[0]
    assert stated.data["cause"] == "less metered than due"
    assert story.notes("shortfall_stated", "ac")
    assert violations(simulation.trace) == []


def test_who_gives_a_tenth_of_its_award_is_asked_for_all_that_it_offered_where_nobody_else_has_any() -> None:
    world = WeakWorld()
    world.simple("ra-1", 10)
    world.event(*[24_000] * 4)
    doubtful(world)
    world.pcts = dict.fromkeys((f"ra-1-h{i}" for i in range(10)), 10)
    story = world.run()
    slots = [one["delivered_wh"] for one in told_by(story, "slot_metered", "ra-1")]
    assert slots == [pytest.approx(wh, abs=20) for wh in (1_200, 3_000, 3_000, 3_000)]


def test_own_storage_fills_what_a_weak_home_leaves() -> None:
    world = WeakWorld()
    homes = [world.home(f"ra-1-h{i}", "ra-1") for i in range(4)]
    world.aggregator("ra-1", homes, storage=(battery("own"),))
    world.event(*[24_000] * 4)
    world.pcts = {"ra-1-h0": 30}
    story = world.run()
    assert told_by(story, "own_storage_replaces", "ra-1")[0]["storage_w"][0] == 0
    slots = [one["delivered_wh"] for one in told_by(story, "slot_metered", "ra-1")]
    assert slots[0] < 11_000
    assert all(wh == pytest.approx(12_000, rel=0.02) for wh in slots[1:])


@pytest.mark.parametrize("minutes", [10, 20])
def test_own_storage_gives_in_the_slot_in_which_it_replaces(minutes: int) -> None:
    world = World()
    homes = [world.home(f"ra-1-h{i}", "ra-1") for i in range(2)]
    world.aggregator("ra-1", homes, storage=(battery("own", 6_000),))
    world.event(10_000)
    simulation = world.build()
    simulation.give(START + minutes * MINUTE, "ra-1-h0", Decided("e1", False))
    simulation.run()
    own = simulation.nodes["ra-1"].stepper.drivers["own"].measure(START, START + 30 * MINUTE)
    # all it can: 5 kW are lost, and the car charges again what it gave
    assert own.energy_wh == pytest.approx(-6_000 * (30 - minutes) / 60, abs=3)
    homes_wh = flowed_wh(simulation, world, world.events[0])
    assert settled(Story(simulation, world))["delivered_wh"] == homes_wh - own.energy_wh


def test_own_storage_that_is_cut_in_a_slot_gives_less_at_once() -> None:
    def unheard(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        # of an award that it never gave: the coordinator would take its journal for an older copy
        own = post.topic == "dr/confirm/ac/ra-1" and b".ra-1.2" in post.payload
        return [] if own else [(post, timedelta())]

    world = World()
    world.intercepts["ra-1"] = unheard
    world.aggregator("ra-1", [world.home("ra-1-h0", "ra-1")], storage=(battery("own", 6_000),), scale_w=12_000)
    world.event(11_000, 11_000)
    simulation = world.build()
    simulation.run(until=START + 15 * MINUTE)
    event = simulation.actor("ra-1").events["e1"]  # type: ignore[attr-defined]
    simulation.give(START + 15 * MINUTE, "ra-1", Received(Edge("ac", "ra-1"), *less(event.up.award)))
    simulation.run()
    own = simulation.nodes["ra-1"].stepper.drivers["own"].measure(START, START + 30 * MINUTE)
    assert own.energy_wh == pytest.approx(-(5_000 + 3_000) / 4, abs=3)


def less(award: m.Award) -> tuple[m.Award, bytes]:
    """A later award of 2 kW less."""
    plan = tuple(power - 2_000 for power in award.power_w)
    changed = award.model_copy(
        update={"message_id": f"{award.message_id}.less", "revision": award.revision + 1, "power_w": plan}
    )
    return changed, encode(changed)


def two_aggregators(reports: Iterable[int]) -> World:
    """Each offers 18 kW in four slots; 18 kW are bought of the first, 9 kW of the other."""
    world = World(coordinator={"plan": "same"})
    for name in ("ra-1", "ra-2"):
        world.simple(name, 3)
    world.event(27_000, 27_000, 27_000, 27_000)
    world.intercepts["ra-1"] = lost(*reports, kind="report")
    return world


def rises_and_falls(story: Story) -> list[int]:
    """What an aggregator was awarded in the last slot, W, award by award."""
    return [award.power_w[-1] for award in story.to("award", "ac", "ra-2") if isinstance(award, m.Award)]


def test_aggregator_that_falls_silent_is_replaced_by_the_others_until_it_is_heard() -> None:
    story = two_aggregators(range(1, 6)).run()
    silent = [note for note in told_by(story, "gives_less", "ac") if note["child"] == "ra-1"]
    assert [note["silent"] for note in silent] == [True]
    assert told_by(story, "heard_again", "ac")
    assert told_by(story, "shortfall_stated", "ac") == []
    first, raised, lowered = rises_and_falls(story)
    assert (first, raised) == (9_000, 18_000)
    last = [award.power_w[-1] for award in story.to("award", "ac", "ra-1") if isinstance(award, m.Award)][-1]
    assert lowered + last == 27_000
    assert settled(story)["awarded_wh"] == 54_000


def test_what_a_silent_aggregator_may_still_give_is_not_withdrawn() -> None:
    story = two_aggregators(range(1, 100)).run()
    assert told_by(story, "gives_less", "ac")
    assert told_by(story, "shortfall_stated", "ac") == []
    assert story.sent("withdraw") == []
    told = settled(story)
    assert told["awarded_wh"] == 54_000
    assert told["delivered_wh"] < told["metered_directly_wh"]


def test_home_that_gives_again_is_not_replaced_any_more() -> None:
    world = WeakWorld()
    homes = [world.home(f"ra-1-h{i}", "ra-1") for i in range(4)]
    world.aggregator("ra-1", homes, storage=(battery("own"),))
    world.event(*[24_000] * 6)
    world.pcts = {"ra-1-h0": 30}
    simulation = world.build()

    def recovers() -> None:
        for weak in simulation.nodes["ra-1-h0"].stepper.drivers.values():
            weak.pct = 100  # type: ignore[attr-defined]

    simulation.at(START + 61 * MINUTE, recovers)
    simulation.run()
    story = Story(simulation, world)
    assert story.notes("gives_again", "ra-1")
    slots = [one["delivered_wh"] for one in told_by(story, "slot_metered", "ra-1")]
    assert slots[-1] == pytest.approx(12_000, rel=0.02)


def test_home_that_withdraws_is_metered_to_the_end() -> None:
    world = World()
    world.simple("ra-1", 3, vehicle_changes={"departure_soc_wh": 30_000})
    world.event(*[12_000] * 4)
    simulation = world.build()
    simulation.give(START + 65 * MINUTE, "ra-1-h0", Decided("e1", False))
    simulation.run()
    story = Story(simulation, world)
    slots = {r.readings[0].slot for r in story.to("report", "ra-1-h0", "ra-1-h0") if isinstance(r, m.Report)}
    assert slots == {0, 1, 2, 3}
    assert settled(story)["delivered_wh"] == flowed_wh(simulation, world, world.events[0])
    assert [note.data["outcome"] for note in story.notes("closed", "ra-1-h0")] == ["withdrawn"]


def withdrawing() -> World:
    """Six homes of which one withdraws in the second of five slots; its car charges again what it gave."""
    world = World()
    world.simple("ra-1", 6)
    world.event(*[12_000] * 5)
    doubtful(world)
    return world


def test_home_that_gives_again_leaves_nobody_without_a_part() -> None:
    like = withdrawing()
    world = WeakWorld(like.homes, like.aggregators, like.scales, events=like.events, pcts={"ra-1-h1": 30})
    simulation = world.build()
    simulation.run(until=START + 45 * MINUTE)
    simulation.nodes["ra-1-h1"].stepper.drivers["ev-ra-1-1"].pct = 100  # type: ignore[attr-defined]
    simulation.run()
    story = Story(simulation, world)
    assert told_by(story, "gives_again", "ra-1")
    last = {name: story.to("award", "ra-1", name)[-1].power_w for name in world.names if name.startswith("ra-1-")}  # type: ignore[attr-defined]
    assert all(any(plan[2:]) for plan in last.values())
    assert told_by(story, "slot_metered", "ra-1")[-1]["delivered_wh"] == pytest.approx(6_000, abs=10)


def test_meter_of_who_has_withdrawn_is_asked_as_well() -> None:
    world = withdrawing()
    world.intercepts["ra-1-h0"] = lost(*range(5, 8), kind="report")
    simulation = world.build()
    simulation.give(START + 50 * MINUTE, "ra-1-h0", Decided("e1", False))
    simulation.run()
    assert settled(Story(simulation, world))["delivered_wh"] == flowed_wh(simulation, world, world.events[0])


def test_what_was_delivered_is_told_by_source_and_aggregator() -> None:
    world = World()
    homes = [world.home(f"ra-1-h{number}", "ra-1") for number in range(2)]
    world.aggregator("ra-1", homes, storage=(battery("own", 6_000),), scale_w=18_000, tells_sources=True)
    world.simple("ra-2", 2, scale_w=12_000)
    world.event(25_000, 25_000)
    world.intercepts["ra-1-h1"] = lost(*range(3, 60), kind="report")
    world.coordinator = {"plan": "same"}
    story = world.run()
    told = settled(story)
    sources = told["sources"]
    assert set(sources) == {"ra-1", "ra-2"}
    meters_wh, storage_wh, estimated_wh, missing_wh = sources["ra-1"]
    assert meters_wh + storage_wh + estimated_wh + sources["ra-2"][0] == told["delivered_wh"]
    assert storage_wh > 0
    assert missing_wh > 0
    line = words(NoteLine(T0, "utility", "settled", "", "e1", told))
    assert "kWh by own storage" in line
    assert "kWh not told; ra-2:" in line


@pytest.mark.parametrize("given", [{"ra-1": [1, 2, 3]}, {"ra\x1b": [1, 2, 3, 4]}, [1], {"a": [10**30, 0, 0, 0]}])
def test_sources_that_cannot_be_read_are_left_out(given: Any) -> None:
    assert sources_told({"delivered_by": given}) == {}


def test_more_aggregators_than_a_message_holds_are_told_together() -> None:
    sums = {f"ra-{number}": SourceSum(1, 2, 0, 3) for number in range(200)}
    found = sources_told(extension(sums))
    assert len(found) == 151
    assert found["others"] == SourceSum(50, 100, 0, 150)


@pytest.mark.parametrize(("reports", "asked"), [((2,), 1), ((4, 6), 2), ((8,), 1)])
def test_meter_value_that_the_utility_misses_is_asked_for(reports: tuple[int, ...], asked: int) -> None:
    world = World(utility={"asks_meters": True})
    world.simple("ra-1", 1)
    world.event(5_000, 5_000, 5_000, 5_000)
    world.intercepts["ra-1-h0"] = lost(*reports, kind="report")  # every second one goes to the utility
    story = world.run()
    assert len(story.sent("dispatch", "utility")) == asked
    told = settled(story)
    assert told["metered_directly_wh"] == told["delivered_wh"] == 10_000
    assert "values_missing" not in told
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize("wh", [10**9, 12_345_678, -12_345_678])
def test_register_value_of_a_smart_meter_is_told_by_the_utility_and_not_counted(wh: int) -> None:
    world = World()
    world.simple("ra-1", 2)
    world.event(5_000, 5_000)
    world.intercepts["ra-1-h0"] = metering(wh)
    told = settled(world.run())
    assert (told["values_impossible"], told["metered_directly_wh"]) == (2, 2_500)
    assert "2 of their values cannot be" in words(NoteLine(T0, "utility", "settled", "", "e1", told))


def test_meter_value_that_never_comes_is_told_to_be_missing() -> None:
    world = World(utility={"asks_meters": True})
    world.simple("ra-1", 1)
    world.event(5_000, 5_000, 5_000)
    world.intercepts["ra-1-h0"] = dropping_slot(1)
    story = world.run()
    told = settled(story)
    assert (told["values_missing"], told["metered_directly_wh"]) == (1, 5_000)
    assert "1 of their values are missing" in words(NoteLine(T0, "utility", "settled", "", "e1", told))


def test_utility_commands_no_home_by_asking() -> None:
    world = World()
    world.simple("ra-1", 1)
    world.event(5_000, 5_000)
    simulation = world.build()
    simulation.run(until=START + MINUTE)
    (said,) = [one for one in Story(simulation, world).to("dispatch", "ra-1", "ra-1-h0") if isinstance(one, m.Dispatch)]
    more = said.model_copy(update={"message_id": "utility.asks", "slot": 1, "power_w": -1_000})
    simulation.publish(START + 2 * MINUTE, "utility", Post("dr/dispatch/utility/ra-1-h0", encode(more)))
    simulation.run()
    story = Story(simulation, world)
    (reject,) = [one for one in story.sent("reject", "ra-1-h0") if isinstance(one, m.Reject)]
    assert reject.reason is RejectReason.UNKNOWN_AWARD
    assert settled(story)["delivered_wh"] == 5_000


def test_reports_that_come_in_time_wake_nobody_to_ask() -> None:
    world = World()
    world.simple("ra-1", 3)
    world.event(12_000, 12_000)
    story = world.run()
    assert story.notes("reports_asked") == []
    assert len(story.sent("report", "ra-1-h0")) == 2


def test_meter_of_own_storage_makes_the_meters_tell_what_was_delivered() -> None:
    world = World()
    homes = [world.home(f"ra-1-h{i}", "ra-1") for i in range(2)]
    world.aggregator("ra-1", homes, storage=(battery("own"),), meter_to=("utility",), scale_w=16_000)
    world.utility = {"meters": ("ra-1-h0", "ra-1-h1", "ra-1")}
    world.event(16_000, 16_000)
    told = settled(world.run())
    assert told["delivered_wh"] == told["metered_directly_wh"] == 16_000
    assert (told["storage_wh"], told["meters"]) == (4_000, 3)


@pytest.mark.parametrize("minutes", [12, 42])
def test_what_a_silent_meter_leaves_untold_goes_by_what_stood_when(minutes: int) -> None:
    def mute(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        return [] if "/report/" in post.topic else [(post, timedelta())]

    world = World()
    homes = [world.home(f"ra-1-h{i}", "ra-1", battery(f"b-{i}")) for i in range(2)]
    world.aggregator("ra-1", homes, capacity_w=5_000, tells_sources=True)
    world.event(*[10_000] * 2)
    world.intercepts["ra-1-h0"] = mute
    simulation = world.build()
    simulation.give(START + minutes * MINUTE, "ra-1-h0", Decided("e1", False))
    simulation.run()
    sources = settled(Story(simulation, world))["sources"]
    until_wh = 5_000 * minutes // 60
    assert sources["ra-1"][3] == pytest.approx(until_wh, abs=3)
    assert sources["ra-1"][0] == 5_000


@pytest.mark.parametrize("minutes", [40, 20])
def test_event_that_is_cancelled_in_a_slot_settles_what_was_delivered_until_then(minutes: int) -> None:
    world = World()
    homes = [world.home(f"ra-1-h{i}", "ra-1") for i in range(2)]
    world.aggregator("ra-1", homes, storage=(battery("own"),), scale_w=16_000)
    world.event(*[16_000] * 4)
    simulation = world.build()
    simulation.give(START + minutes * MINUTE, "utility", Cancel("e1"))
    simulation.run()
    story = Story(simulation, world)
    told, due_wh = settled(story), 16_000 * minutes // 60
    assert told["delivered_wh"] == pytest.approx(due_wh, abs=60)
    assert told["awarded_wh"] == pytest.approx(due_wh, abs=60)
    assert [note.data["outcome"] for note in story.notes("closed", "utility")] == ["cancelled"]
    assert simulation.actor("utility").at_rest(simulation.now + timedelta(days=1))
    assert violations(simulation.trace) == []
