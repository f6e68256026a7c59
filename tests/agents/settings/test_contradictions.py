"""What is possible by itself and contradicts something else is one sentence; what is unusual and possible is taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.settings.checked import ConfigError, checked
from agents.settings.daemon import DaemonConfig
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, UtilitySettings
from agents.settings.scenario import DailyEvent

AT = datetime(2026, 1, 14, 17, tzinfo=UTC)
VEHICLE: dict[str, Any] = {
    "kind": "vehicle",
    "resource_id": "ev",
    "capacity_wh": 40_000,
    "soc_wh": 30_000,
    "state_at": AT,
    "plugs_in_at": AT,
    "departs_at": AT + timedelta(hours=14),
    "departure_soc_wh": 30_000,
    "reserve_wh": 8_000,
    "max_charge_w": 6_000,
    "max_discharge_w": 3_000,
    "relay_ops_left": 4,
}
FOLLOWER = {key: value for key, value in VEHICLE.items() if key != "relay_ops_left"} | {"charging": "follow_pv"}
STORAGE: dict[str, Any] = {
    "kind": "storage",
    "resource_id": "bat",
    "capacity_wh": 9_800,
    "soc_wh": 9_000,
    "state_at": AT,
    "reserve_wh": 1_000,
    "max_charge_w": 4_000,
    "max_discharge_w": 4_000,
}
LOAD: dict[str, Any] = {
    "kind": "load",
    "resource_id": "tank",
    "rated_w": 1_500,
    "schedule_w": 600,
    "store_wh": 4_000,
    "level_wh": 2_500,
    "least_wh": 500,
    "state_at": AT,
}
SOLAR: dict[str, Any] = {
    "kind": "solar",
    "resource_id": "pv",
    "forecast_w": [900, 500, 0],
    "forecast_at": AT,
    "export_limit_w": 400,
    "battery": STORAGE | {"resource_id": "pv-battery"},
}
STAY: dict[str, Any] = {"plugs_in_at": AT, "departs_at": VEHICLE["departs_at"], "arrives_wh": 30_000}
CLIMATE: dict[str, Any] = {
    "kind": "climate",
    "resource_id": "pump",
    "mode": "heating",
    "rated_w": 2_500,
    "capacity_wh_per_k": 3_000,
    "loss_w_per_k": 150,
    "wished_c": 21,
    "least_c": 19,
    "most_c": 23,
    "room_c": 21,
    "state_at": AT,
    "outdoor_c": [2],
    "outdoor_at": AT,
}
EVENT: dict[str, Any] = {
    "event_id": "e1",
    "issue_at": AT,
    "direction": "decrease_load",
    "start": AT + timedelta(hours=1),
    "power_w": [5_000],
}
DAILY: dict[str, Any] = {
    "name": "evening",
    "zone": "Europe/Oslo",
    "at": "18:00",
    "direction": "decrease_load",
    "power_w": [5_000],
}
RA: dict[str, Any] = {"name": "ra-1", "parent": "ac"}


def loosens(restriction: str, *steps: int) -> dict[str, Any]:
    return {"relaxations": [{"restriction": restriction, "steps": list(steps)}]}


def sentence(model: type[Any], data: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(model, data, "x")
    return str(caught.value).removeprefix("x: ")


def home(*devices: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"name": "hems-1", "parent": "ra-1", "devices": list(devices)} | changes


@pytest.mark.parametrize(
    "device",
    [
        VEHICLE,
        VEHICLE | {"departure_soc_wh": 40_000, "departs_at": AT + timedelta(minutes=20)},  # cannot be reached
        VEHICLE | {"soc_wh": 5_000},  # below its reserve
        VEHICLE | {"max_discharge_w": 0, "min_power_w": 6_000},
        VEHICLE | {"max_charge_w": 0},
        VEHICLE | {"state_at": AT - timedelta(days=3)},
        VEHICLE | loosens("departure_soc", 20_000, 10_000),
        VEHICLE | loosens("reserve_soc", 8_000, 0),
        VEHICLE | loosens("relay_ops", 6, 8),
        VEHICLE | loosens("power_limit", 5_000),  # of discharging
        VEHICLE | loosens("plug_window", 900, 1_800),
        STORAGE | {"soc_wh": 9_800, "reserve_wh": 9_800},
        STORAGE | {"soc_wh": 0},
        STORAGE | {"max_charge_w": 0},
        STORAGE | {"charge_efficiency_pct": 50},
        LOAD | {"schedule_w": 1_500, "level_wh": 4_000, "least_wh": 4_000},
        LOAD | {"schedule_w": 0},
        VEHICLE | {"stays": [STAY]},
        CLIMATE,
        CLIMATE | {"room_c": 12.0, "rated_w": 60},  # too weak for the cold, and far outside of comfort
        SOLAR,
        SOLAR | {"forecast_w": [0], "export_limit_w": 0, "battery": None},
    ],
)
def test_device_that_is_possible_is_taken(device: dict[str, Any]) -> None:
    checked(DerSettings, home(device), "x")


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (STORAGE | {"soc_wh": 98_000}, "soc_wh: 98000 is above capacity_wh (9800)"),
        (STORAGE | {"capacity_wh": 10, "soc_wh": 85}, "soc_wh: 85 is above capacity_wh (10)"),
        (STORAGE | {"reserve_wh": 20_000}, "reserve_wh: 20000 is above capacity_wh (9800)"),
        (
            STORAGE | {"max_charge_w": 0, "max_discharge_w": 0},
            "max_charge_w: max_charge_w and max_discharge_w are both 0: it can do nothing",
        ),
        (
            STORAGE | {"capacity_wh": 10, "soc_wh": 9, "reserve_wh": 0},
            "capacity_wh: 10 Wh last 9 s at 4000 W: is it in kWh?",
        ),
        (
            STORAGE | {"max_charge_w": 4, "max_discharge_w": 4},
            "max_charge_w: 4 W need 2450 h for 9800 Wh: is it in kW?",
        ),
        (LOAD | {"schedule_w": 6_000}, "schedule_w: 6000 is above rated_w (1500)"),
        (LOAD | {"level_wh": 40_000}, "level_wh: 40000 is above store_wh (4000)"),
        (LOAD | {"least_wh": 3_000}, "least_wh: 3000 is above level_wh (2500)"),
        (LOAD | {"rated_w": 0, "schedule_w": 0}, "rated_w: rated_w is 0: it can do nothing"),
        (
            SOLAR | {"battery": STORAGE | {"resource_id": "b", "soc_wh": 13_000}},
            "battery.soc_wh: 13000 is above capacity_wh (9800)",
        ),
        (SOLAR | {"battery": STORAGE | {"resource_id": "pv"}}, "battery.resource_id: pv is the plant itself"),
        (VEHICLE | {"min_power_w": 7_000}, "min_power_w: 7000 is above max_charge_w (6000)"),
        (VEHICLE | {"min_power_w": 4_000}, "min_power_w: 4000 is above max_discharge_w (3000)"),
        (
            VEHICLE | {"state_at": AT + timedelta(hours=15)},
            "state_at: 2026-01-15T08:00Z is not before departs_at, 2026-01-15T07:00Z",
        ),
        (VEHICLE | {"standby_w": 5_700}, "standby_w: 5700 is not below what charging brings (5700 W)"),
        (
            VEHICLE | {"max_charge_w": 0, "max_discharge_w": 0},
            "max_charge_w: max_charge_w and max_discharge_w are both 0: it can do nothing",
        ),
        (
            VEHICLE | loosens("departure_soc", 35_000),
            "relaxations[0].steps: 35000 is not below departure_soc_wh (30000); the mildest step stands first",
        ),
        (
            VEHICLE | loosens("reserve_soc", 4_000, 6_000),
            "relaxations[0].steps: 6000 is not below the step before it (4000); the mildest step stands first",
        ),
        (
            VEHICLE | loosens("power_limit", 2_000),
            "relaxations[0].steps: 2000 is not above max_discharge_w (3000); the mildest step stands first",
        ),
        (
            VEHICLE | loosens("plug_window", 1_800, 900),
            "relaxations[0].steps: 900 is not above the step before it (1800); the mildest step stands first",
        ),
        (
            VEHICLE | loosens("plug_window", 10**9),
            "relaxations[0].steps: is too large: 31622400 is the most (it is 1000000000)",
        ),
        (
            VEHICLE | {"stays": [STAY | {"plugs_in_at": AT + timedelta(hours=2)}]},
            "stays: the first one, 2026-01-14T19:00:00Z to 2026-01-15T07:00:00Z, is not that of plugs_in_at and departs_at",
        ),
        (
            CLIMATE | {"capacity_wh_per_k": 3.0},
            "capacity_wh_per_k: 3 over loss_w_per_k (150) is a time constant of 0.02 h: is it in kWh?",
        ),
        (
            CLIMATE | {"loss_w_per_k": 0.15},
            "capacity_wh_per_k: 3000 over loss_w_per_k (0.15) is a time constant of 2e+04 h: is the loss in kW?",
        ),
        (CLIMATE | {"rated_w": 3}, "rated_w: 3 W move less than the room loses for 1 K: is it in kW?"),
        (
            VEHICLE | {"relay_ops_left": None} | loosens("relay_ops", 6),
            "relaxations[0].restriction: relay_ops needs relay_ops_left, which it would loosen",
        ),
        (
            VEHICLE
            | {"relaxations": [*loosens("relay_ops", 6)["relaxations"], *loosens("relay_ops", 8)["relaxations"]]},
            "relaxations: relay_ops stands 2 times: write all steps into one",
        ),
    ],
)
def test_device_that_contradicts_itself_is_refused(device: dict[str, Any], text: str) -> None:
    place = "devices[0]"
    assert sentence(DerSettings, home(device)) == f"{place}.{text}"


def test_vehicle_that_follows_a_plant_of_its_home_is_taken() -> None:
    made = checked(DerSettings, home(FOLLOWER, SOLAR), "x")
    assert [spec.resource_id for spec in made.devices] == ["ev", "pv"]


def test_following_a_plant_goes_without_a_limit_of_relay_operations() -> None:
    text = "follow_pv takes no limit of relay operations: nobody counts those of its own schedule"
    assert sentence(DerSettings, home(FOLLOWER | {"relay_ops_left": 2}, SOLAR)) == f"devices[0].charging: {text}"


def test_own_storage_of_an_aggregator_follows_the_rules_of_a_battery() -> None:
    data = RA | {"storage": [STORAGE | {"soc_wh": 98_000}]}
    assert sentence(AggregatorSettings, data) == "storage[0].soc_wh: 98000 is above capacity_wh (9800)"


@pytest.mark.parametrize(
    ("model", "data", "text"),
    [
        (DerSettings, home(STORAGE, STORAGE), "devices: resource_id bat stands twice"),
        (
            DerSettings,
            home(STORAGE, connection={"import_limit_w": 9}),
            "connection.import_limit_w: 9 W are less than any connection lets through: is it in kW?",
        ),
        (
            AggregatorSettings,
            RA | {"storage": [STORAGE], "connection": {"import_limit_w": 9}},
            "connection.import_limit_w: 9 W are less than any connection lets through: is it in kW?",
        ),
        (DailyEvent, DAILY | {"power_w": [0, 0]}, "power_w: asks for nothing in any slot"),
        (
            DailyEvent,
            DAILY | {"slot_s": 86_400, "power_w": [1] * 32},
            "power_w: all slots together last at most 31 days",
        ),
        (
            DerSettings,
            home(STORAGE, SOLAR | {"battery": STORAGE}),
            "devices: resource_id bat stands twice",
        ),
        (
            DerSettings,
            home(STORAGE, FOLLOWER),
            "devices[1].charging: follow_pv needs a solar plant among the devices of hems-1: add it, or take late",
        ),
        (
            DerSettings,
            home(FOLLOWER, SOLAR, FOLLOWER | {"resource_id": "ev-2"}),
            "devices[2].charging: ev follows the surplus of hems-1 already: take late or at_once here",
        ),
        (
            DaemonConfig,
            {"ders": [home(STORAGE), home(FOLLOWER, name="hems-2")]},
            "ders[1].devices[0].charging: follow_pv needs a solar plant among the devices of hems-2: add it, or take late",
        ),
        (DerSettings, home(STORAGE, parent="hems-1"), "parent: hems-1 is the party itself"),
        (DerSettings, home(STORAGE, meter_to=["utility", "utility"]), "meter_to: utility stands twice"),
        (
            DaemonConfig,
            {"ders": [home(STORAGE), home(STORAGE, name="hems-2")]},
            "ders: resource_id bat stands in hems-1 and in hems-2",
        ),
        (
            DaemonConfig,
            {"ders": [home(STORAGE)], "behaviours": {"hems-9": "silent"}},
            "behaviours.hems-9: no party of this file has this name",
        ),
        (AggregatorSettings, RA | {"ladder": ["relax", "relax"]}, "ladder: relax stands twice"),
        (AggregatorSettings, RA | {"storage": [STORAGE, STORAGE]}, "storage: resource_id bat stands twice"),
        (
            AggregatorSettings,
            RA | {"connection": {"import_limit_w": 9_000}},
            "connection: is that of its own storage, and there is none",
        ),
        (
            AggregatorSettings,
            RA | {"storage": [STORAGE], "members": [{"name": "hems-1", "resources": ["bat"]}]},
            "storage: resource_id bat is claimed by hems-1, too",
        ),
        (
            AggregatorSettings,
            RA | {"members": [{"name": "hems-1", "resources": ["bat"]}, {"name": "hems-2", "resources": ["bat"]}]},
            "members: resource bat is claimed by hems-1 and by hems-2",
        ),
        (
            CoordinatorSettings,
            {"name": "ac", "members": [{"name": "ra-1"}, {"name": "ra-1"}]},
            "members: ra-1 stands twice in the book of members",
        ),
        (CoordinatorSettings, {"name": "ac", "members": [{"name": "ac"}]}, "members: ac is the party itself"),
        (UtilitySettings, {"children": ["ac", "ac"]}, "children: ac stands twice"),
        (UtilitySettings, {"children": ["utility"]}, "children: utility is the utility itself"),
        (UtilitySettings, {"children": ["ac"], "events": [EVENT, EVENT]}, "events: event_id e1 stands twice"),
        (
            UtilitySettings,
            {"children": ["ac"], "events": [EVENT | {"start": AT}]},
            "events[0].start: 2026-01-14T17:00Z is not after issue_at, 2026-01-14T17:00Z",
        ),
        (
            UtilitySettings,
            {"children": ["ac"], "events": [EVENT | {"start": AT.replace(year=2028)}]},
            "events[0].start: 2028-01-14 lies 730 days after the event is issued: is it the right year?",
        ),
        (
            UtilitySettings,
            {"children": ["ac"], "events": [EVENT | {"power_w": [0, 0]}]},
            "events[0].power_w: asks for nothing in any slot",
        ),
    ],
)
def test_party_that_contradicts_itself_is_refused(model: type[Any], data: dict[str, Any], text: str) -> None:
    assert sentence(model, data) == text
