"""A scenario: templates, what is derived, and mistakes."""

import tomllib
from pathlib import Path
from typing import Any

import paths
import pytest

from agents.runtime.files.scenario import build_scenario, load_scenario
from agents.runtime.files.toml_out import to_toml
from agents.settings.behaviour import Behaviour
from agents.settings.checked import ConfigError
from protocol.messages import Restriction

TINY = paths.TINY


@pytest.fixture
def data() -> dict[str, Any]:
    return tomllib.loads(TINY.read_text())


def test_a_template_makes_as_many_homes_as_it_counts() -> None:
    scenario = load_scenario(TINY)
    assert [home.name for home in scenario.homes] == ["hems-1", "hems-2", "hems-3", "hems-b", "hems-c"]
    assert [home.devices[0].resource_id for home in scenario.homes[:3]] == ["ev-1", "ev-2", "ev-3"]


def test_books_of_members_are_derived_from_devices() -> None:
    scenario = load_scenario(TINY)
    ra_1, ra_2 = scenario.aggregators
    assert [member.name for member in ra_1.members] == ["hems-1", "hems-2", "hems-3"]
    assert ra_2.members[0].resources == ("ev-b",)
    assert ra_2.members[0].relaxations == (Restriction.RESERVE_SOC,)
    assert {member.name: member.decrease_load_w for member in scenario.coordinator.members}["ra-2"] == sum(
        member.decrease_load_w for member in ra_2.members
    ) + 8000


def test_instants_that_are_not_given_are_the_start() -> None:
    scenario = load_scenario(TINY)
    assert scenario.homes[0].devices[0].plugs_in_at == scenario.start_at  # type: ignore[union-attr]


def test_the_utility_hears_the_meters_of_homes_unless_they_say_otherwise(data: dict[str, Any]) -> None:
    data["homes"][1]["meter_to"] = []
    scenario = build_scenario(data, "x")
    assert scenario.utility.meters == ("hems-1", "hems-2", "hems-3", "hems-c")
    assert scenario.utility.children == ("ac",)


def test_misbehaving_homes_are_named(data: dict[str, Any]) -> None:
    assert build_scenario(data, "x").behaviours == {"hems-c": Behaviour.GARBAGE}


def test_a_given_book_is_taken_as_it_is(data: dict[str, Any]) -> None:
    data["aggregators"][0]["members"] = [{"name": "hems-1", "decrease_load_w": 1}]
    assert [member.name for member in build_scenario(data, "x").aggregators[0].members] == ["hems-1"]


def test_an_aggregator_below_an_aggregator_is_a_member_of_its_book(data: dict[str, Any]) -> None:
    data["aggregators"].insert(0, {"name": "top", "parent": "ac"})
    data["aggregators"][1]["parent"] = "top"
    scenario = build_scenario(data, "x")
    top = scenario.aggregators[0]
    assert [(member.name, member.kind) for member in top.members] == [("ra-1", "aggregator")]
    assert [member.name for member in scenario.coordinator.members] == ["top", "ra-2"]  # the order of the file


def _set(data: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        data = data[step]
    data[last] = value


def _refusal(data: dict[str, Any], path: str, value: Any) -> str:
    """The sentence, behind the file, about tables in which one value is another."""
    _set(data, path, value)
    with pytest.raises(ConfigError) as caught:
        build_scenario(data, "file.toml")
    text = str(caught.value)
    assert text.startswith("file.toml: ")
    return text.removeprefix("file.toml: ")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("scenario.speed", -1, "scenario.speed: input should be greater than 0"),
        ("scenario.ends_at", "2026-01-14T16:00:00Z", "scenario.ends_at: has to lie after scenario.start_at"),
        ("homes.0.devices.0.capacity_wh", -5, "homes[0]: devices[0].capacity_wh: input should be greater than 0"),
        ("homes.0.devices.0.colour", "red", "homes[0]: devices[0].colour: there is no such key"),
        ("homes.0.name", "hems", "homes[0].name: needs {n}, as there are 3 of them"),
        ("homes.1.parent", "ra-9", "homes: hems-b has the parent ra-9, which is no aggregator"),
        ("homes.1.name", "ra-1", "ra-1: 2 parties have this name"),
        ("homes.1.name", "hems-1", "hems-1: 2 parties have this name"),
        ("homes.1.behaviour", "odd", "homes[1].behaviour: input should be 'normal', 'silent'"),
        ("aggregators.0.ladder", ["jump"], "aggregators[0]: ladder[0]: input should be"),
        ("utility.events.0.power_w", [], "utility: events[0].power_w: "),
        ("coordinator.max_rerequests", 99, "coordinator: max_rerequests: input should be less than or equal to 10"),
        ("aggregators.0.parent", "ra-1", "aggregators: they are each other's parents"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(
    data: dict[str, Any], path: str, value: Any, sentence: str
) -> None:
    assert _refusal(data, path, value).startswith(sentence)


BATTERY = {"kind": "storage", "capacity_wh": 9_800, "soc_wh": 9_000, "max_charge_w": 4_000, "max_discharge_w": 4_000}


CLIMATE = {
    "kind": "climate", "resource_id": "pump", "mode": "heating", "rated_w": 2_500, "capacity_wh_per_k": 3_000,
    "loss_w_per_k": 150, "wished_c": 21, "least_c": 19, "most_c": 23, "room_c": 21,
    "outdoor_c": [2], "outdoor_at": "2027-01-14T00:00:00Z",
}  # fmt: skip
PLANT = {
    "kind": "solar", "resource_id": "pv", "forecast_w": [900], "export_limit_w": 400,
    "battery": {"resource_id": "pv-battery", "driver": "mqtt", **BATTERY},
}  # fmt: skip
EVENING = {"name": "evening", "zone": "UTC", "at": "23:59", "direction": "decrease_load", "power_w": [5_000]}


def home(name: str, parent: str, resource_id: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "parent": parent, "devices": [BATTERY | {"resource_id": resource_id}]} | more


@pytest.mark.parametrize(
    ("homes", "sentence"),
    [
        ([home("h-1", "ra-1", "bat"), home("h-2", "ra-2", "bat")], "resource_id bat stands in h-1 and in h-2"),
        ([home("h-1", "ra-1", "bat"), home("h-2", "ra-1", "bat")], "resource_id bat stands in h-1 and in h-2"),
        ([home("h-{n}", "ra-1", "bat", count=2)], "resource_id bat stands in h-1 and in h-2"),
    ],
)
def test_device_in_two_homes_is_refused(data: dict[str, Any], homes: list[dict[str, Any]], sentence: str) -> None:
    data["homes"] += homes
    with pytest.raises(ConfigError, match=f"x: homes: {sentence}"):
        build_scenario(data, "x")


def test_device_twice_in_one_of_many_like_homes_is_refused(data: dict[str, Any]) -> None:
    data["homes"].append(home("h-{n}", "ra-1", "bat-{n}", count=3))
    data["homes"][-1]["devices"].append(BATTERY | {"resource_id": "bat-2"})
    with pytest.raises(ConfigError, match="x: homes: resource_id bat-2 stands "):
        build_scenario(data, "x")


def test_number_that_differs_from_home_to_home_is_looked_at_in_each(data: dict[str, Any]) -> None:
    data["homes"].append(home("h-{n}", "ra-1", "bat-{n}", count=12))
    data["homes"][-1]["devices"][0]["soc_wh"] = "{n}000"
    with pytest.raises(ConfigError, match=r"devices\[0\].soc_wh: 10000 is above capacity_wh \(9800\)"):
        build_scenario(data, "x")


def test_own_storage_that_stands_in_a_home_too_is_refused(data: dict[str, Any]) -> None:
    data["homes"].append(home("h-1", "ra-1", data["aggregators"][1]["storage"][0]["resource_id"]))
    with pytest.raises(ConfigError, match="x: aggregators: resource_id bat-2 stands in h-1 and in ra-2"):
        build_scenario(data, "x")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("aggregators.0.parent", "acc", "aggregators[0].parent: there is no acc (did you mean ac?)"),
        ("coordinator.parent", "utilty", "coordinator.parent: there is no utilty (did you mean utility?)"),
        ("utility.children", ["co"], "utility.children: the coordinator, ac, is not among them"),
        ("utility.children", ["ac", "aac"], "utility.children: there is no aac (did you mean ac?)"),
        ("utility.meters", ["hems-1", "hems-z"], "utility.meters: there is no hems-z (did you mean hems-c?)"),
        ("aggregators.0", {"parent": "ac"}, "aggregators[0]: name: is missing"),
        ("homes.1.devices.0", CLIMATE, "hems-b: pump: outdoor_at: 2027-01-14T00:00Z is after the scenario, "),
        (
            "homes.1.devices.0",
            BATTERY | {"resource_id": "b", "options": {"topic": "x"}},
            "hems-b: b: options: a simulated device has none: name its driver",
        ),
        ("homes.1.devices.0", PLANT, "hems-b: pv: battery.driver: a plant and its battery are one device"),
        ("daily_events", [EVENING], "daily_events: none is issued, and over, between start_at and ends_at"),
        ("homes.0.meter_to", ["utilty"], "homes: hems-1: meter_to: there is no utilty (did you mean utility?)"),
        (
            "aggregators.1.members",
            [{"name": "hems-1"}],
            "members: hems-1 stands in the book of ra-2, and its parent is ra-1",
        ),
        (
            "aggregators.1.members",
            [{"name": "guest", "resources": ["ev-1"]}],
            "members: resource ev-1 stands in the book of ra-1 and of ra-2",
        ),
        (
            "utility.events.0.start",
            "2026-01-15T18:00:00Z",
            "utility.events[0].start: 2026-01-15T18:00Z is outside of the scenario, 2026-01-14T17:00Z to ",
        ),
        (
            "homes.1.devices.0",
            {"kind": "storage", "resource_id": "b", "state_at": "2027-01-14T17:00:00Z", **BATTERY},
            "hems-b: b: state_at: 2027-01-14T17:00Z is after the scenario, ",
        ),
        (
            "homes.1.devices.0",
            {
                "kind": "solar",
                "resource_id": "pv",
                "forecast_at": "2025-01-14T17:00:00Z",
                "forecast_w": [5],
                "export_limit_w": 0,
            },
            "hems-b: pv: forecast_at: the forecast, from 2025-01-14T17:00Z on, is outside of the scenario, ",
        ),
        ("homes.0.merit", -1, "homes[0]: merit: input should be greater than or equal to 0"),
        (
            "homes.1.devices",
            [BATTERY | {"resource_id": name, "capacity_wh": 10**12, "max_charge_w": 10**11} for name in ("a", "b")],
            "homes[1]: increase_load_w: input should be less than or equal to 100000000000",
        ),
        ("aggregators.0.name", ["ra-1"], "aggregators[0]: name: input should be a valid string"),
        ("aggregators.1.storage", "bat", "aggregators[1]: storage: a list is needed"),
        ("scenario.start_at", "0001-01-01T00:00:00+09:00", "scenario.start_at: lies in the year 1; "),
    ],
)
def test_tree_that_does_not_hold_together_is_refused(
    data: dict[str, Any], path: str, value: Any, sentence: str
) -> None:
    if path == "daily_events":
        data["utility"]["events"] = []
    assert _refusal(data, path, value).startswith(sentence)


@pytest.mark.parametrize("path", sorted(paths.EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_scenario_is_taken(path: Path) -> None:
    assert load_scenario(path).homes


def test_a_shipped_scenario_is_found_by_its_name() -> None:
    assert load_scenario(Path("evening_peak")).name == "evening_peak"


def test_a_scenario_that_is_nowhere_is_said_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no such file; shipped scenarios: .*evening_peak"):
        load_scenario(Path("nowhere"))


def test_what_is_written_as_toml_reads_back_the_same(data: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(data)) == data
