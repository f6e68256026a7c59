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
    _set(data, path, value)
    with pytest.raises(ConfigError) as caught:
        build_scenario(data, "file.toml")
    assert str(caught.value).startswith(f"file.toml: {sentence}")


def test_a_shipped_scenario_is_found_by_its_name() -> None:
    assert load_scenario(Path("evening_peak")).name == "evening_peak"


def test_a_scenario_that_is_nowhere_is_said_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no such file; shipped scenarios: .*evening_peak"):
        load_scenario(Path("nowhere"))


def test_what_is_written_as_toml_reads_back_the_same(data: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(data)) == data
