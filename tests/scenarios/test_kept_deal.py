"""More is asked of an event that stands, homes take seconds to answer, and a party is away until it is too late to decide:
what stood before is delivered, at every party, and told."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import START, Story, World, late, vehicle

from agents.parties.memory import memory_of, remember
from agents.settings.members import Member
from broker.bus import Post
from broker.simulation import Simulation
from protocol import messages as m
from protocol.actor import Issue, Outage
from protocol.edges import Edge
from protocol.errors import RefusedMessage, RejectReason
from protocol.units import Direction

SECOND = timedelta(seconds=1)
BEFORE = START - 300 * SECOND
"""When more is asked."""
HOURS = 10_800
ANSWERS = late(8 * SECOND)


def standing(tiers: bool = False, more_w: tuple[int, ...] = (24_000, 24_000)) -> World:
    """20 kW stand with four homes that take 8 s to answer."""
    world = World()
    if tiers:
        lower = Member(name="ra-1", kind="aggregator", increase_load_w=24_000, decrease_load_w=24_000)
        world.aggregator("ra-0", members=(lower,), scale_w=24_000)
        homes = [world.home(f"ra-1-h{i}", "ra-1", vehicle(f"ev-ra-1-{i}")) for i in range(4)]
        world.aggregator("ra-1", homes, parent="ra-0")
    else:
        world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    world.intercepts |= {f"ra-1-h{i}": ANSWERS for i in range(4)}
    simulation = world.build()
    simulation.give(BEFORE, "utility", Issue("e1", "dr", Direction.DECREASE_LOAD, START, more_w))
    return world


def told(world: World) -> Story:
    assert world.simulation is not None
    world.simulation.run()
    assert violations(world.simulation.trace) == []
    return Story(world.simulation, world)


def down(world: World, name: str, for_s: int, since_s: int = 1) -> Story:
    """A party is killed so many seconds after more was asked."""
    simulation = world.simulation
    assert simulation is not None
    simulation.at(BEFORE + since_s * SECOND, lambda: simulation.kill(name, for_s * SECOND))
    return told(world)


def account(story: Story) -> tuple[int, int]:
    """Awarded and delivered Wh by the utility's last account."""
    settled = story.notes("settled", "utility")[-1]
    return int(str(settled.data["awarded_wh"])), int(str(settled.data["delivered_wh"]))


@pytest.mark.parametrize(
    ("name", "for_s", "tiers"),
    [
        ("utility", 290, False), ("utility", HOURS, False), ("ac", 290, False), ("ac", HOURS, False),
        ("ra-1", 290, False), ("utility", 290, True), ("utility", HOURS, True), ("ac", 290, True), ("ac", HOURS, True),
        ("ra-0", 290, True), ("ra-0", HOURS, True), ("ra-1", 290, True),
    ],
)  # fmt: skip
def test_what_stood_is_delivered_where_nobody_can_decide_on_more(name: str, for_s: int, tiers: bool) -> None:
    story = down(standing(tiers), name, for_s)
    assert account(story) == (20_000, 20_000)
    assert story.notes("earlier_deal_stands")


@pytest.mark.parametrize("tiers", [False, True])
def test_what_stood_is_delivered_though_its_aggregator_was_away_for_two_minutes(tiers: bool) -> None:
    awarded_wh, delivered_wh = account(down(standing(tiers), "ra-1", 120))
    assert awarded_wh == 20_000
    assert delivered_wh >= 19_990  # in a tree the last word comes in the second of the first slot


def test_more_is_given_without_a_word_of_what_stood_where_all_are_there() -> None:
    story = told(standing())
    assert account(story) == (24_000, 24_000)
    assert story.notes("earlier_deal_stands") == []


def test_utility_that_comes_back_in_time_gets_more_of_a_coordinator_that_had_gone_back() -> None:
    world = standing()
    world.intercepts["utility"] = late(200 * SECOND)
    story = told(world)
    assert account(story)[0] >= 20_000


def test_home_without_the_grid_drops_what_stood_and_others_are_asked() -> None:
    world = standing()
    assert world.simulation is not None
    world.simulation.give(BEFORE + 2 * SECOND, "ra-1-h0", Outage(True))
    story = down(world, "ac", HOURS, since_s=3)
    assert account(story)[1] == 18_000
    assert any(note.data["shortfall_w"] == (2_000, 2_000) for note in story.notes("shortfall_stated", "ra-1"))
    again = [one for one in story.to("award", "ra-1", "ra-1-h0") if one.sent_at > BEFORE and one.kind == "award"]
    assert [one.power_w for one in again if isinstance(one, m.Award) and any(one.power_w)] == []


def award_of_the_change(lost_for_s: int, late_s: int) -> World:
    """The coordinator's award of the change to ra-1 is lost for so long behind the change, and then comes late. ra-1 goes
    back to what stood, and takes back 2 of 20 kW of it 232 s behind the change."""
    world = standing()
    simulation = world.simulation
    assert simulation is not None

    def way_out(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if "/award/" not in post.topic or b'"request_id":"e1.2.1"' not in post.payload:
            return [(post, timedelta())]
        return [] if simulation.now < BEFORE + lost_for_s * SECOND else [(post, late_s * SECOND)]

    simulation.intercept("ac", way_out)
    simulation.give(BEFORE + 200 * SECOND, "ra-1-h0", Outage(True))
    return world


def test_withdrawal_of_what_a_later_award_has_replaced_ends_nothing() -> None:
    story = down(award_of_the_change(lost_for_s=220, late_s=5), "ac", 220, since_s=10)
    withdrawals = [one.award_id for one in story.to("withdraw", "ra-1", "ra-1") if isinstance(one, m.Withdraw)]
    assert withdrawals[0].startswith("e1.1.1.")
    assert account(story) == (18_000, 18_000)
    assert story.notes("peer_lost_memory") == []


def test_cancellation_that_was_not_heard_is_said_again_behind_a_late_answer() -> None:
    story = told(award_of_the_change(lost_for_s=250, late_s=0))
    *_, last = story.to("award", "ac", "ra-1")
    assert isinstance(last, m.Award)
    assert (last.outcome, last.reason) == (m.Outcome.NOT_NEEDED, "too late to be counted")
    assert story.to("confirm", "ra-1", "ra-1")[-1].sent_at > last.sent_at
    assert account(story) == (0, 0)


def changed(power_w: tuple[int, int], seconds: float, tiers: bool = False) -> Story:
    """20 kW in two slots; so many seconds behind the start something else is asked in them, W."""
    world = World()
    if tiers:
        for name in ("low-1", "low-2"):
            homes = [world.home(f"{name}-h{i}", name, vehicle(f"ev-{name}-{i}")) for i in range(2)]
            world.aggregator(name, homes, parent="ra-1")
        low = [
            Member(name=f"low-{i}", kind="aggregator", increase_load_w=12_000, decrease_load_w=12_000) for i in (1, 2)
        ]
        world.aggregator("ra-1", members=low, scale_w=24_000)
    else:
        world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    issue = Issue("e1", "dr", Direction.DECREASE_LOAD, START, power_w)
    world.build().give(START + timedelta(seconds=seconds), "utility", issue)
    return told(world)


@pytest.mark.parametrize("tiers", [False, True])
@pytest.mark.parametrize(
    ("seconds", "awarded_wh"),
    [(600, 2 * 20_000 // 6 // 2 + 2 * 8_000 // 6 + 6_000), (2_400, 10_000 + (20_000 + 2 * 12_000) // 6)],
)
def test_less_that_is_asked_of_a_running_event_is_cut_from_the_slots_to_come(
    seconds: int, awarded_wh: int, tiers: bool
) -> None:
    """And from everybody: a car that is left with no part would charge again what it gave."""
    story = changed((8_000, 12_000), seconds, tiers)
    assert story.note("event_reduced", "utility").data["power_w"] == (20_000 if seconds > 1_800 else 8_000, 12_000)
    assert account(story) == (pytest.approx(awarded_wh, abs=1), pytest.approx(awarded_wh, abs=8))
    given_wh = 0
    for home in story.world.homes:
        (driver,) = story.simulation.nodes[home.name].stepper.drivers.values()
        given_wh -= driver.measure(START, START + timedelta(hours=1)).energy_wh or 0
    assert given_wh == account(story)[1]


def test_more_that_is_asked_of_a_running_event_is_refused_in_words() -> None:
    story = changed((20_000, 21_000), 600)
    assert story.note("order_refused", "utility").data["reason"] == "the first slot has begun"
    assert account(story) == (20_000, 20_000)


AWAY = 20 * SECOND
"""So long behind the change all have answered it, and the utility is not there to decide."""


def undecided(more_w: tuple[int, ...] = (24_000, 24_000)) -> tuple[Simulation, dict[str, m.Award]]:
    """The world while a change is not decided, and by child the award that stood before it."""
    world = standing(more_w=more_w)
    simulation = world.simulation
    assert simulation is not None
    simulation.at(BEFORE + SECOND, lambda: simulation.kill("utility", HOURS * SECOND))
    simulation.run(until=BEFORE + AWAY)
    awards: dict[str, m.Award] = {}
    for traced in simulation.trace:
        for effect in traced.effects:
            message = getattr(effect, "message", None)
            if isinstance(message, m.Award) and message.outcome is m.Outcome.CONCLUDED:
                awards[effect.edge.child] = message  # type: ignore[union-attr]
    return simulation, awards


def said_again(award: m.Award, **changes: object) -> m.Award:
    return award.model_copy(update={"revision": award.revision + 1, "sent_at": BEFORE + AWAY} | changes)


@pytest.mark.parametrize(("parent", "child"), [("ac", "ra-1"), ("ra-1", "ra-1-h0")])
def test_award_of_before_a_change_that_was_said_before_it_decides_nothing(parent: str, child: str) -> None:
    simulation, awards = undecided()
    late_one = said_again(awards[child], sent_at=BEFORE - SECOND)
    with pytest.raises(RefusedMessage) as refused:
        simulation.actor(child)._on_award(Edge(parent, child), late_one, simulation.now)  # type: ignore[attr-defined]
    assert refused.value.reason is RejectReason.STALE


@pytest.mark.parametrize(("parent", "child"), [("ac", "ra-1"), ("ra-1", "ra-1-h0")])
def test_award_of_before_a_change_that_is_said_again_stands(parent: str, child: str) -> None:
    simulation, awards = undecided()
    actor = simulation.actor(child)
    actor._on_award(Edge(parent, child), said_again(awards[child]), simulation.now)  # type: ignore[attr-defined]
    event = actor.events["e1"]  # type: ignore[attr-defined]
    assert (event.award if child != "ra-1" else event.up.award).power_w == awards[child].power_w


def test_known_revision_of_an_award_of_before_a_change_decides_nothing() -> None:
    simulation, awards = undecided()
    known = said_again(awards["ra-1"], revision=awards["ra-1"].revision)
    with pytest.raises(RefusedMessage):
        simulation.actor("ra-1")._on_award(Edge("ac", "ra-1"), known, simulation.now)  # type: ignore[attr-defined]


def test_more_than_stood_before_a_change_does_not_stand_again() -> None:
    simulation, awards = undecided()
    more = said_again(awards["ra-1"], power_w=(20_001, 20_000))
    actor = simulation.actor("ra-1")
    actor._on_award(Edge("ac", "ra-1"), more, simulation.now)  # type: ignore[attr-defined]
    assert actor.events["e1"].deal_w is None  # type: ignore[attr-defined]


def test_home_keeps_no_award_over_a_change_to_other_slots() -> None:
    simulation, awards = undecided((24_000, 24_000, 24_000))
    home = simulation.actor("ra-1-h0")
    with pytest.raises(RefusedMessage):
        home._on_award(Edge("ra-1", "ra-1-h0"), said_again(awards["ra-1-h0"]), simulation.now)  # type: ignore[attr-defined]
    assert home.events["e1"].kept is None  # type: ignore[attr-defined]
    assert simulation.actor("ra-1").events["e1"].children.kept == {}  # type: ignore[attr-defined]


def test_what_is_kept_is_remembered_with_the_state() -> None:
    simulation, awards = undecided()
    for child in ("ac", "ra-1", "ra-1-h0"):
        actor = simulation.actor(child)
        fresh: Any = simulation.nodes[child].build()
        remember(fresh, memory_of(actor))
        assert memory_of(fresh) == memory_of(actor)
        event = fresh.events["e1"]
        assert (event.kept.award if child == "ra-1-h0" else event.up.kept.award) == awards[child]
        assert child == "ra-1-h0" or event.children.kept == actor.events["e1"].children.kept != {}  # type: ignore[attr-defined]
