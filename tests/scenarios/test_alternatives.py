"""Which of the plans that are proposed instead is bought: by what the parents say that they can use."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import START, T0, Story, World, vehicle

from agents.settings.parties import Usable
from protocol import messages as m


def later_is_more(can_use: Usable, *power_w: int, least_pct: int = 70, mandate: bool = False) -> Story:
    """Two cars, and a third that comes for the second slot: 12 kW, then 18 kW. A mandate is carried out by who is not told
    what can be used."""
    settings: dict[str, Any] = {"can_use": can_use, "accept_share_pct": least_pct}
    below = Usable.EVERY_SLOT if mandate else can_use
    world = World(
        utility={**settings, "mandate": mandate}, coordinator={**settings, "can_use": below, "max_rerequests": 0}
    )
    homes = [world.home(f"h{number}", "ra-1") for number in range(2)]
    second = START + timedelta(minutes=30)
    homes.append(world.home("h2", "ra-1", vehicle("ev-h2", state_at=T0, plugs_in_at=second)))
    world.aggregator("ra-1", homes)
    world.aggregators[0] = world.aggregators[0].model_copy(
        update={
            "members": tuple(
                type(one)(**{**_fields(one), "reliability_pct": 50}) for one in world.aggregators[0].members
            )
        }
    )
    world.event(*power_w)
    story = world.run()
    assert violations(story.simulation.trace) == []
    return story


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__dataclass_fields__}


def bought_w(story: Story) -> list[object]:
    return [note.data["power_w"] for note in story.notes("event_awarded", "utility")]


@pytest.mark.parametrize(
    ("can_use", "asked_w", "least_pct", "bought"),
    [
        (Usable.EVERY_SLOT, (18_000, 12_000), 70, []),
        (Usable.EVERY_SLOT, (18_000, 12_000), 60, [(12_000, 12_000)]),
        (Usable.ENERGY, (18_000, 12_000), 70, [(12_000, 18_000)]),
        (Usable.EVERY_SLOT, (18_000, 18_000), 60, [(12_000, 18_000)]),
        (Usable.LEVEL, (18_000, 18_000), 60, [(12_000, 12_000)]),
    ],
)
def test_plan_that_can_be_used_is_bought(
    can_use: Usable, asked_w: tuple[int, ...], least_pct: int, bought: list[tuple[int, ...]]
) -> None:
    story = later_is_more(can_use, *asked_w, least_pct=least_pct)
    assert bought_w(story) == bought
    if bought:
        awarded, delivered = story.settled_wh()
        assert awarded == sum(bought[0]) // 2
        assert delivered == pytest.approx(awarded, abs=2)


def test_moved_energy_is_bought_by_the_id_of_its_plan() -> None:
    story = later_is_more(Usable.ENERGY, 18_000, 12_000)
    for parent in ("utility", "ac"):
        (award,) = [one for one in story.sent("award", parent) if isinstance(one, m.Award)]
        assert award.accepts == "shifted"


@pytest.mark.parametrize("can_use", Usable)
def test_what_a_mandate_concluded_beyond_what_is_bought_is_given_back(can_use: Usable) -> None:
    story = later_is_more(can_use, 18_000, 18_000, least_pct=60, mandate=True)
    (bought,) = bought_w(story)
    assert bought == ((12_000, 12_000) if can_use is Usable.LEVEL else (12_000, 18_000))
    awarded, delivered = story.settled_wh()
    assert awarded == delivered == sum(bought) // 2
