"""What an owner's plan may say, and what is refused in one sentence."""

from typing import Any

import pytest
from worlds import vehicle

from agents.settings.checked import ConfigError, checked
from agents.settings.devices import VehicleSpec

WORK = {"days": ["mon", "tue"], "at": "07:30", "back": "17:00"}


def planned(**plan: Any) -> VehicleSpec:
    given = vehicle("ev").model_dump() | {"plan": {"zone": "Europe/Oslo", "departures": [WORK], **plan}}
    return checked(VehicleSpec, given, "file")


def refused(**plan: Any) -> str:
    with pytest.raises(ConfigError) as found:
        planned(**plan)
    return str(found.value).removeprefix("file: plan.")


def test_plan_is_read_and_vehicles_without_one_stay_as_they_were() -> None:
    made = planned(exceptions=[{"on": "2026-12-24"}], vacations=[{"first": "2026-07-01", "last": "2026-07-20"}])
    assert made.plan is not None
    assert made.plan.departures[0].at.hour == 7
    assert vehicle("ev").plan is None


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        ({"departures": [WORK | {"days": ["mo"]}]}, "departures[0].days[0]: input should be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun' (it is 'mo')"),
        ({"departures": [WORK | {"at": "07:30+01:00"}]}, "departures[0].at: is a time on the clocks of the plan's zone, without an offset: 07:30 (it is '07:30+01:00')"),
        ({"departures": [WORK | {"soc_wh": 99_000}]}, "departures[0].soc_wh: 99000 is above capacity_wh (40000)"),
        ({"departures": [WORK | {"trip_wh": 1, "arrives_wh": 2}]}, "departures[0].trip_wh: and arrives_wh both say what it comes back with: leave one out"),
        ({"departures": [WORK, WORK | {"at": "12:00", "back": "13:00"}]}, "departures: on mon it departs at 07:30 and is not back before 12:00"),
        ({"exceptions": [{"on": "2026-12-24"}, {"on": "2026-12-24"}]}, "exceptions[1].on: 2026-12-24 stands twice"),
        ({"exceptions": [{"on": "1826-12-24"}]}, "exceptions[0].on: lies in the year 1826; the years 2000 to 2199 are taken"),
        ({"vacations": [{"first": "2026-12-24", "last": "2026-12-01"}]}, "vacations[0]: last lies before first"),
    ],
)  # fmt: skip
def test_mistake_in_a_plan_is_one_sentence(plan: dict[str, Any], text: str) -> None:
    assert refused(**plan) == text
