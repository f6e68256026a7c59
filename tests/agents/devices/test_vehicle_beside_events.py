"""Vehicles of which other events hold something answer as was recorded when this was computed in another way."""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from worlds import START

from agents.devices.contract import Ask, Flexibility, Segment
from agents.devices.vehicle import Vehicle
from agents.settings.devices import VehicleSpec
from protocol.actor import Measured
from protocol.messages import IntervalPeriod, Restriction
from protocol.units import Direction

LINES = (Path(__file__).parent / "data" / "vehicle_answers.jsonl").read_bytes().splitlines()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("number", range(len(LINES)))
def test_vehicle_beside_other_events_answers_as_recorded(number: int) -> None:
    case: dict[str, Any] = orjson.loads(LINES[number])
    vehicle = Vehicle(VehicleSpec.model_validate(case["spec"]))
    if case["reading"] is not None:
        read_at, soc_wh = case["reading"]
        vehicle.observe(Measured("x", at(read_at), soc_wh))
    reserved = tuple(Segment(at(start), at(end), power_w) for start, end, power_w in case["held"])
    relaxed = tuple(map(Restriction, case["relaxed"]))
    period = IntervalPeriod(start=START)
    found = vehicle.flexibility(Ask(Direction(case["direction"]), period, tuple(case["power_w"]), reserved, relaxed))
    answer = case["answer"]
    assert found == Flexibility(
        tuple(answer["power_w"]),
        tuple(answer["available_w"]),
        tuple(None if name is None else Restriction(name) for name in answer["binding"]),
        tuple(answer["schedule_w"]),
    )
