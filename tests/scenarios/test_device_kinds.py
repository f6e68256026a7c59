"""Kinds of devices beyond the first four in whole evenings: the shipped one, and one of a stranger's package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packages import forget, put

from agents.runtime.files.scenario import build_scenario
from agents.settings.checked import ConfigError
from agents.settings.kinds import kind_of, other_kinds
from agents.tools.run.simulate import build_simulation
from broker.simulation import Simulation
from protocol import messages as m
from protocol.codec import decode_body
from protocol.edges import parse_topic

PUMP: dict[str, Any] = {
    "kind": "climate", "resource_id": "pump-{n}", "mode": "heating", "rated_w": 3_000, "capacity_wh_per_k": 3_000,
    "loss_w_per_k": 200, "wished_c": 21, "least_c": 20, "most_c": 23, "room_c": 21, "outdoor_c": [0.0],
    "comfort_steps_k": [1.0, 2.0],
}  # fmt: skip
STRANGER = """
from typing import Literal
from agents.devices.load import Load
from agents.drivers.simulated import LoadPhysics
from agents.settings.devices import LoadSpec, Spec

class PoolSpec(Spec):
    kind: Literal["pool"]
    pump_w: int
    state_at: object

def tank(spec):
    return LoadSpec(kind="load", resource_id=spec.resource_id, rated_w=2 * spec.pump_w, schedule_w=spec.pump_w,
                    store_wh=9000, level_wh=9000, state_at=spec.state_at)

class Pool:
    Settings = PoolSpec
    at_start = ("state_at",)
    def device(self, spec):
        return Load(tank(spec))
    def physics(self, spec):
        return LoadPhysics(tank(spec))

pool = Pool()
half = object()
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forget()
    kind_of.cache_clear()
    points = {"pool": "pool_module:pool", "half": "pool_module:half"}
    put(tmp_path / "site", monkeypatch, points, STRANGER, "pools", "gridpact.devices")
    yield
    monkeypatch.undo()
    forget()
    kind_of.cache_clear()


def evening(device: dict[str, Any], power_w: tuple[int, ...], homes: int = 4, **changes: Any) -> Simulation:
    """Homes with one such device each are asked for less load for as many hours as there are slots."""
    relax = changes.pop("relax", False)
    tables = {
        "scenario": {"name": "s", "start_at": "2026-01-14T15:00:00Z", "ends_at": "2026-01-15T03:00:00Z"},
        "utility": {
            "events": [
                {"event_id": "e1", "issue_at": "2026-01-14T15:10:00Z", "direction": "decrease_load",
                 "start": "2026-01-14T18:00:00Z", "slot_s": 3600, "power_w": power_w}
            ],
            "accept_share_pct": 10,
        },
        "coordinator": {"accept_share_pct": 10},
        "aggregators": [
            {"name": "ra", "relax_others": relax, "relax_restrictions": ["comfort"], "over_request": False}
        ],
        "homes": [
            {"name": "h{n}", "parent": "ra", "count": homes, "devices": [device | changes], "relax_others": relax}
        ],
    }  # fmt: skip
    simulation = build_simulation(build_scenario(tables, "x"), seed=1)
    simulation.run()
    return simulation


def sent(simulation: Simulation, kind: type[m.Message]) -> list[Any]:
    found = [(parse_topic(post.topic), post.payload) for _, _, post in simulation.posts if post.payload]
    said = [decode_body(name, payload) for (name, _), payload in found]
    return [message for message in said if isinstance(message, kind)]


def settled(simulation: Simulation) -> tuple[int, int]:
    """What was delivered, and what was awarded, Wh."""
    (note,) = [note for _, who, note in simulation.notes if (who, note.name) == ("utility", "settled")]
    return int(str(note.data["delivered_wh"])), int(str(note.data["awarded_wh"]))


def test_heat_pumps_deliver_what_they_offered_and_travel_as_loads() -> None:
    simulation = evening(PUMP, (2_000, 2_000))
    assert {part.kind for offer in sent(simulation, m.Offer) for part in offer.resources} == {
        m.ResourceKind.LOAD,
        "aggregate",
    }
    delivered_wh, awarded_wh = settled(simulation)
    assert awarded_wh == 4_000
    assert delivered_wh == pytest.approx(awarded_wh, abs=20)


def test_only_vehicles_are_asked_to_loosen_where_nothing_else_is_set() -> None:
    simulation = evening(PUMP, (5_600,) * 4)
    assert sent(simulation, m.Request)
    assert sent(simulation, m.Relax) == []


def test_comfort_is_loosened_by_consent_where_both_settings_say_so() -> None:
    plain, relaxed = (evening(PUMP, (5_600,) * 4, relax=relax) for relax in (False, True))
    asked = sent(relaxed, m.Relax)
    assert {restriction for message in asked for restriction in message.restrictions} == {m.Restriction.COMFORT}
    assert settled(relaxed)[1] > settled(plain)[1]
    assert settled(relaxed)[0] == pytest.approx(settled(relaxed)[1], abs=50)


def test_owner_who_agreed_to_nothing_is_not_asked() -> None:
    assert sent(evening(PUMP, (5_600,) * 4, relax=True, comfort_steps_k=[]), m.Relax) == []


@pytest.mark.usefixtures("stranger")
def test_kind_of_a_strangers_package_is_simulated_and_delivers() -> None:
    assert other_kinds() == ("climate", "half", "pool")
    delivered_wh, awarded_wh = settled(evening({"kind": "pool", "resource_id": "pool-{n}", "pump_w": 1_000}, (3_000,)))
    assert (delivered_wh, awarded_wh) == (3_000, 3_000)


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(
    ("device", "text"),
    [
        ({"kind": "pool", "pump_w": "x"}, r"devices\[0\].pump_w: input should be a valid integer"),
        ({"kind": "half"}, "kind half: pool_module:half of pools 1.0 is no object with Settings"),
        ({"kind": "pond"}, "there is no 'pond'; there are vehicle, storage, solar, load, climate, half, pool"),
    ],
)  # fmt: skip
def test_mistake_is_one_sentence(device: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        evening({"resource_id": "pool-{n}"} | device, (1,))
