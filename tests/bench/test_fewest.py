"""The fewest owners that have to be disturbed for a deal, beside what is counted by hand."""

from datetime import timedelta

import pytest
from worlds import START, T0

from agents.runtime.files.scenario import build_scenario
from agents.settings.scenario import Scenario
from bench.fewest import Fewest, fewest_disturbed


def fleet() -> Scenario:
    """Three cars that give 2 kWh each, and 4 kWh where their owners loosen what they need at departure."""
    car = {
        "kind": "vehicle", "capacity_wh": 40_000, "soc_wh": 24_000, "departure_soc_wh": 22_000, "reserve_wh": 10_000,
        "max_charge_w": 6_000, "max_discharge_w": 6_000, "charge_efficiency_pct": 100, "discharge_efficiency_pct": 100,
        "departs_at": START + timedelta(hours=1), "relaxations": [{"restriction": "departure_soc", "steps": [20_000]}],
    }  # fmt: skip
    event = {
        "event_id": "e1", "issue_at": T0, "direction": "decrease_load", "start": START, "power_w": [15_000, 15_000],
    }  # fmt: skip
    homes = [
        {"name": f"h{n}", "parent": "ra-1", "devices": [car | {"resource_id": f"ev-{n}"}]} for n in range(3)
    ]  # fmt: skip
    data = {
        "scenario": {"name": "few", "start_at": T0 - timedelta(hours=1), "ends_at": START + timedelta(hours=2)},
        "utility": {"events": [event]}, "coordinator": {"name": "ac"}, "aggregators": [{"name": "ra-1"}], "homes": homes,
    }  # fmt: skip
    return build_scenario(data, "few")


@pytest.mark.parametrize(
    ("secured_w", "owners"),
    [((6_000, 6_000), 0), ((8_000, 8_000), 1), ((12_000, 0), 0), ((12_000, 6_000), 2), ((12_000, 12_000), 3)],
)
def test_fewest_owners_are_as_many_as_the_energy_needs(secured_w: tuple[int, int], owners: int) -> None:
    assert fewest_disturbed(fleet(), secured_w) == Fewest(owners, owners)


def test_what_nobody_could_secure_has_no_fewest() -> None:
    assert fewest_disturbed(fleet(), (15_000, 15_000)).found is None
