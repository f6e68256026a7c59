"""An aggregator that cannot meet its part in some slot says what it has over in others, and is asked for that."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import START, Story, World, vehicle

from agents.negotiation.over import KEY, told
from agents.settings.parties import PATENT_LADDER, Rung
from broker.simulation import Faults
from protocol import messages as m

PLAN = (Rung.PLAN, *PATENT_LADDER)
SLOTS = 4


def two(ladder: tuple[Rung, ...] = PLAN, **coordinator: Any) -> World:
    """Asked for 5 kW each by scale: cars with 12 kW until the last slot, when they are gone; and one with 6 kW from the last
    slot on."""
    world = World(
        coordinator={"max_rerequests": 1, "accept_share_pct": 100} | coordinator, utility={"accept_share_pct": 50}
    )
    leaves = {"departs_at": START + timedelta(minutes=90), "departure_soc_wh": 10_000}
    comes = {"plugs_in_at": START + timedelta(minutes=90)}
    early = [world.home(f"e{n}", "ra-1", vehicle(f"ev-e{n}", **leaves)) for n in range(2)]
    late = [world.home("l0", "ra-2", vehicle("ev-l0", **comes))]
    world.aggregator("ra-1", early, scale_w=12_000, ladder=ladder, over_request=False)
    world.aggregator("ra-2", late, scale_w=12_000, ladder=ladder, over_request=False)
    world.event(10_000, 10_000, 10_000, 6_000)
    return world


def bought_w(story: Story) -> object:
    assert violations(story.simulation.trace) == []
    return [note.data["power_w"] for note in story.notes("event_awarded", "utility")]


@pytest.mark.parametrize("spares", [True, False])
def test_what_is_over_in_other_slots_fills_the_gap_of_another_one(spares: bool) -> None:
    story = two(spare_owners=spares).run()
    (alternative, *_) = [one for one in story.sent("alternative", "ra-1") if isinstance(one, m.Alternative)]
    assert list(alternative.extensions[KEY])[:3] == [12_000] * 3
    assert bought_w(story) == [(10_000, 10_000, 10_000, 6_000)]


def test_ladder_without_a_plan_says_nothing_beside_its_alternative() -> None:
    story = two(PATENT_LADDER).run()
    alternatives = [one for one in story.sent("alternative") if isinstance(one, m.Alternative)]
    assert alternatives
    assert not any(one.extensions for one in alternatives)


@pytest.mark.parametrize("seed", range(3))
def test_losses_and_delays_break_no_promise(seed: int) -> None:
    bought_w(two().run(seed, Faults(delay_ms=(1, 2_000), loss_pct=20, repeat_pct=30)))


@pytest.mark.parametrize(
    ("given", "most_w", "counts"),
    [
        ([9_000, 4_000], 20_000, (9_000, 5_000)),
        ([9_000, 4_000], 6_000, (6_000, 5_000)),
        ([9_000], 20_000, (5_000, 5_000)),
        ([9_000, "x"], 20_000, (5_000, 5_000)),
        ([9_000, -1], 20_000, (5_000, 5_000)),
        ({"a": 1}, 20_000, (5_000, 5_000)),
        ([9_000, 4_000], None, (5_000, 5_000)),
    ],
)
def test_what_cannot_be_is_not_counted(given: object, most_w: int | None, counts: tuple[int, int]) -> None:
    alternative = m.Alternative(
        message_id="a", sent_at=START, event_id="e1", request_id="e1.1.1", round=1, revision=1, valid_until=START,
        options=(
            m.Option(option_id="flat", power_w=(5_000, 5_000), basis=(m.OptionBasis.OFFERS,), shape=m.Shape.FLAT),
        ),
        extensions={KEY: given},
    )  # fmt: skip
    assert told(alternative, (5_000, 5_000), most_w) == counts
