"""The rung `plan` by what the parents can use: a share in every slot, or the energy in whichever slots."""

from datetime import timedelta

import pytest
from checker import violations
from worlds import LOOSENS, START, Story, World, battery, vehicle

from agents.negotiation.plans.coalition.profiles import CoalitionProblem, MemberProfiles, mix
from agents.negotiation.plans.coalition.use import best_mix_of
from agents.settings.parties import PATENT_LADDER, Rung, Usable
from protocol.plan import Plan, total

PLAN = (Rung.PLAN, *PATENT_LADDER)
SLOTS = 8
AGREED = {"relaxations": LOOSENS["relaxations"]}


def world_of(can_use: Usable, told: Usable, asked_w: Plan) -> World:
    """Six cars of 6 kWh at 3 kW, three of which leave half way, own storage of 2 kW; `told`: what the aggregator knows of
    what its parents can use."""
    used = {"can_use": can_use, "accept_share_pct": 20}
    world = World(utility=used, coordinator={**used, "max_rerequests": 0})
    homes = [
        world.home(
            f"h{n}", "ra-1",
            vehicle(
                f"ev{n}", soc_wh=26_000, departure_soc_wh=20_000, reserve_wh=20_000, max_charge_w=3_000,
                max_discharge_w=3_000, **AGREED, **({"departs_at": START + timedelta(hours=2)} if n % 2 else {}),
            ),
        )
        for n in range(6)
    ]  # fmt: skip
    world.aggregator("ra-1", homes, ladder=PLAN, over_request=False, can_use=told, storage=(battery("own", 2_000),))
    world.event(*asked_w)
    return world


def bought_w(story: Story) -> Plan:
    assert violations(story.simulation.trace) == []
    (note,) = story.notes("event_awarded", "utility")
    power_w = note.data["power_w"]
    assert isinstance(power_w, tuple)
    awarded_wh, delivered_wh = story.settled_wh()
    assert delivered_wh == pytest.approx(awarded_wh, abs=SLOTS * 6)
    return power_w


LATE = (1_000, 1_000, 1_000, 1_000, 16_000, 16_000, 16_000, 16_000)


def test_energy_that_is_wanted_late_is_given_early_by_who_leaves_and_nobody_is_asked_for_more() -> None:
    """34 kWh are asked for, most when half of the cars have left; they have 34 kWh."""
    story = world_of(Usable.ENERGY, Usable.ENERGY, LATE).run()
    power_w = bought_w(story)
    assert sum(power_w) >= sum(LATE) * 98 // 100
    assert story.note("alternative_proposed", "ra-1").data["options"]["shifted"] == power_w  # type: ignore[index]


def test_who_does_not_know_it_gives_less_of_it_and_disturbs_its_owners() -> None:
    story = world_of(Usable.ENERGY, Usable.EVERY_SLOT, LATE).run()
    assert sum(bought_w(story)) < sum(LATE) * 98 // 100
    assert story.notes("relax_asked", "ra-1") != []


def test_as_much_energy_as_is_asked_asks_for_neither_storage_nor_owners() -> None:
    asked_w = (200,) * 4 + (10_500,) * 4
    story = world_of(Usable.ENERGY, Usable.ENERGY, asked_w).run()
    assert [story.notes(name, "ra-1") for name in ("own_storage_added", "relax_asked", "profiles_asked")] == [
        [],
        [],
        [],
    ]
    assert sum(bought_w(story)) >= sum(asked_w) - SLOTS * 6


@pytest.mark.parametrize("can_use", Usable)
def test_mix_is_the_best_of_its_use(can_use: Usable) -> None:
    """One gives 4 kW x slot where it likes, one 6 in the first two slots only."""
    free = ((1, 1, 1, 1), (4, 0, 0, 0), (0, 0, 0, 4))
    bound = ((3, 3, 0, 0), (6, 0, 0, 0))
    members = tuple(
        MemberProfiles(name, tuple(tuple(1_000 * power for power in plan) for plan in plans), True)
        for name, plans in (("free", free), ("bound", bound))
    )
    asked_w = (1_000, 5_000, 1_000, 5_000)

    def given(by: Usable) -> Plan:
        parts = best_mix_of(by, CoalitionProblem(asked_w, (0,) * 4, members)).parts
        return total([mix(member, parts[member.name]) for member in members if member.name in parts], 4)

    def worth(power_w: Plan) -> float:
        if can_use is Usable.ENERGY:
            return min(sum(power_w), sum(asked_w))
        return min(power / asked for power, asked in zip(power_w, asked_w, strict=True))

    best = worth(given(can_use))
    assert all(best >= worth(given(other)) - 2e-3 * max(1, best) for other in Usable)
    assert best > 0
