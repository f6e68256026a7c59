"""The rung `relax` behind the rung `plan`: owners tell profiles of what they loosen, and few of them are disturbed; and what an
answer to an earlier round promised is backed, whatever later plans say."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import LOOSENS, T0, Story, World, dropping, vehicle

from agents.parties.aggregator.actor import Aggregator
from agents.parties.memory import memory_of, remember
from agents.runtime.build import build_actor
from agents.settings.learned import Learned
from agents.settings.parties import PATENT_LADDER, Rung
from broker.chance import Faults
from protocol import messages as m

PLAN = (Rung.PLAN, *PATENT_LADDER)
SLOTS = 6
EARLY, LATE = timedelta(hours=2), timedelta(hours=12)


def owners(asked_w: int, ladder: tuple[Rung, ...] = PLAN, count: int = 8, **coordinator: Any) -> World:
    """Cars at 3 kW with 4 kWh above the reserve that their owners would loosen to 10 kWh, every second of which leaves after
    two of six slots."""
    world = World(coordinator={"max_rerequests": 0} | coordinator)
    changes = LOOSENS | {"max_charge_w": 3_000, "max_discharge_w": 3_000, "soc_wh": 32_000, "departure_soc_wh": 28_000}
    homes = [
        world.home(f"h-{n}", "ra-1", vehicle(f"ev-{n}", departs_at=T0 + (LATE if n % 2 else EARLY), **changes))
        for n in range(count)
    ]
    world.aggregator("ra-1", homes, ladder=ladder, over_request=False)
    world.event(*[asked_w] * SLOTS)
    return world


def disturbed(story: Story) -> int:
    awards = [one for one in story.sent("award", "ra-1") if isinstance(one, m.Award)]
    return len({one.accepts for one in awards if ".relaxed." in (one.accepts or "")})


def test_fewer_are_disturbed_than_by_the_ladder_of_the_patent_for_as_much() -> None:
    plain = owners(8_500, PATENT_LADDER).run()
    planned = owners(8_500).run()
    assert planned.note("event_awarded", "utility").data["power_w"] == (8_500,) * SLOTS
    assert disturbed(planned) * 2 <= disturbed(plain)
    assert violations(planned.simulation.trace) == []


def test_loosened_offers_tell_profiles_and_a_mix_of_them_is_delivered() -> None:
    story = owners(10_500).run()
    relaxed = [o for o in story.sent("offer") if isinstance(o, m.Offer) and o.basis is m.Basis.RELAXED]
    assert relaxed
    assert all(offer.profiles is not None and offer.profiles.mixable for offer in relaxed)
    found = story.notes("plan_found", "ra-1")[-1].data
    assert found["loosened"] == disturbed(story) > 0
    awarded_wh, delivered_wh = story.settled_wh()
    assert awarded_wh == 10_500 * SLOTS // 2
    assert delivered_wh == pytest.approx(awarded_wh, abs=SLOTS)
    assert violations(story.simulation.trace) == []


def test_what_is_met_without_them_disturbs_nobody() -> None:
    story = owners(4_000).run()
    assert story.notes("relax_asked", "ra-1") == []
    assert disturbed(story) == 0


def test_owners_are_not_asked_for_profiles_where_the_ladder_has_no_plan() -> None:
    story = owners(8_500, PATENT_LADDER).run()
    assert all(one.profiles is None for one in story.sent("relax", "ra-1") if isinstance(one, m.Relax))


def test_lost_plan_of_what_was_loosened_leaves_what_was_offered() -> None:
    world = owners(8_500)
    simulation = world.build()
    simulation.at(T0 + timedelta(minutes=33), lambda: setattr(simulation.nodes["ra-1"].stepper, "solves", False))
    world.intercepts["h-1"] = dropping("offer", "e1.1.2")
    simulation.run()
    story = Story(simulation, world)
    assert violations(simulation.trace) == []
    assert story.note("event_awarded", "utility").data["power_w"] == (8_500,) * SLOTS


def test_memory_of_a_plan_with_what_was_loosened_is_kept() -> None:
    world = owners(10_500)
    story = world.run()
    for name in ("ra-1", "h-1"):
        actor, settings = (
            story.simulation.actor(name),
            next(one for one in (*world.aggregators, *world.homes) if one.name == name),
        )
        fresh = build_actor(settings)
        remember(fresh, memory_of(actor))
        assert memory_of(fresh) == memory_of(actor)


def test_answer_to_an_earlier_round_can_be_awarded_though_a_later_plan_is_another() -> None:
    world = owners(26_000, max_rerequests=2, accept_share_pct=95)
    more = [world.home(f"h-b{n}", "ra-2", vehicle(f"ev-b{n}")) for n in range(2)]
    world.aggregator("ra-2", more, ladder=PLAN, over_request=False)
    story = world.run()
    rounds = {request.round for request in story.to("request", "ac", "ra-1")}
    assert len(rounds) > 1
    assert [note for note in story.notes("award_refused") if note.data.get("child") == "ra-1"] == []
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize("seed", range(4))
def test_losses_and_delays_break_no_promise(seed: int) -> None:
    story = owners(8_500).run(seed, Faults(delay_ms=(1, 2_000), loss_pct=20, repeat_pct=30))
    assert violations(story.simulation.trace) == []


# -- who was disturbed lately


def whose(story: Story) -> set[str]:
    """Homes whose award stands on what their owners loosened."""
    awards = [one for one in story.sent("award", "ra-1") if isinstance(one, m.Award)]
    return {(one.accepts or "").partition(".")[0] for one in awards if ".relaxed." in (one.accepts or "")}


def known(story: Story) -> dict[str, Learned]:
    actor = story.simulation.actor("ra-1")
    assert isinstance(actor, Aggregator)
    assert actor.learning is not None
    return actor.learning.conduct.known


def fair(learned: tuple[Learned, ...] = (), fairness_pct: int = 300) -> Story:
    world = owners(8_500)
    changes = {"reliability_half_life_days": 30, "learned": learned, "fairness_pct": fairness_pct}
    world.aggregators[0] = world.aggregators[0].model_copy(update=changes)
    return world.run()


def test_who_was_disturbed_lately_is_spared_in_the_next_plan() -> None:
    first = fair()
    learned = known(first)
    assert {name for name, one in learned.items() if one.loosened} == whose(first) != set()
    assert whose(fair(tuple(learned.values()), 0)) == whose(first)
    next_ = fair(tuple(learned.values()))
    assert not whose(next_) & whose(first)
    assert len(whose(next_)) <= len(whose(first)) + 1
    assert next_.note("event_awarded", "utility").data["power_w"] == (8_500,) * SLOTS
    assert violations(next_.simulation.trace) == []
