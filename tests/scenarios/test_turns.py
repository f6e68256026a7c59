"""Who is woken by a deal takes turns from event to event, also through a restart."""

from checker import violations
from worlds import Story, World, vehicle

from agents.parties.aggregator.actor import Aggregator
from agents.parties.memory import memory_of, remember
from agents.runtime.build import build_actor
from agents.settings.learned import Learned
from agents.settings.members import Member
from protocol import messages as m

NAMES = tuple(f"h-{n}" for n in range(6))


def evening(learned: tuple[Learned, ...] = (), fairness_pct: int = 100) -> Story:
    """Six cars of 6 kW that are alike and are asked for all of it, as few were expected to answer; two are enough."""
    world = World()
    for name in NAMES:
        world.home(name, "ra-1", vehicle(f"ev-{name}"))
    members = [
        Member(name=name, resources=(f"ev-{name}",), decrease_load_w=6_000, increase_load_w=6_000, reliability_pct=33)
        for name in NAMES
    ]
    world.aggregator(
        "ra-1", members=members, scale_w=36_000, sharing="least_relay_wear", reliability_half_life_days=30,
        learned=learned, fairness_pct=fairness_pct,
    )  # fmt: skip
    world.event(12_000, 12_000)
    return world.run()


def actor_of(story: Story) -> Aggregator:
    actor = story.simulation.actor("ra-1")
    assert isinstance(actor, Aggregator)
    return actor


def known(actor: Aggregator) -> tuple[Learned, ...]:
    assert actor.learning is not None
    return tuple(actor.learning.conduct.known.values())


def woken(story: Story) -> set[str]:
    awards = [one for one in story.sent("award", "ra-1") if isinstance(one, m.Award)]
    return {(one.accepts or "").partition(".")[0] for one in awards if any(one.power_w)}


def test_who_was_woken_lately_is_passed_over_in_the_next_deal() -> None:
    first = evening()
    assert len(woken(first)) == 2
    assert "in_turn" not in first.note("awards_sent", "ra-1").data
    learned = known(actor_of(first))
    assert {one.name for one in learned if one.woken} == woken(first)
    assert woken(evening(learned, fairness_pct=0)) & woken(first)
    second = evening(learned)
    assert not woken(second) & woken(first)
    assert second.note("awards_sent", "ra-1").data["in_turn"] == len(woken(first))
    assert second.note("event_awarded", "utility").data["power_w"] == (12_000, 12_000)
    assert violations(second.simulation.trace) == []


def test_turns_outlive_a_restart() -> None:
    actor = actor_of(evening())
    fresh = build_actor(actor.settings)
    remember(fresh, memory_of(actor))
    assert isinstance(fresh, Aggregator)
    assert known(fresh) == known(actor)
    assert any(one.woken for one in known(fresh))
