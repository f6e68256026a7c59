"""docs/configuration.md has every key of every model that reads a user's file, and its examples are files that load."""

from pathlib import Path
from typing import Any

import pytest
from paths import DOCS
from pydantic import TypeAdapter

from agents.devices.climate import ClimateSpec
from agents.runtime.files.config import load_config
from agents.runtime.files.members import load_members
from agents.runtime.files.toml_out import to_edited_toml
from agents.settings.daemon import BrokerSettings, DaemonConfig, Role
from agents.settings.devices import VehicleSpec
from agents.settings.parties import UtilitySettings
from agents.settings.scenario import ScenarioFile
from agents.tools.access.plan import AccessPlan
from agents.tools.configuration.keys import keys_of, means
from agents.tools.configuration.page import MARK, TABLES, example_files, page
from agents.tools.configuration.words import WORDS

MODELS = [model for _, _, tables in TABLES for _, model, _ in tables]


def test_page_is_what_the_models_say() -> None:
    text = (DOCS / "configuration.md").read_text()
    assert text.count(MARK) == 1
    assert text == page(text), "run `make configuration`"


def defined(model: type[Any]) -> set[str]:
    """The models that stand in a model, however deep."""
    found = TypeAdapter(model).json_schema().get("$defs", {})
    return {name for name, told in found.items() if "properties" in told}


@pytest.mark.parametrize("model", [DaemonConfig, ScenarioFile, AccessPlan, ClimateSpec])
def test_every_model_of_a_file_has_its_table(model: type[Any]) -> None:
    assert {model.__name__, *defined(model)} - {one.__name__ for one in MODELS} == set()


@pytest.mark.parametrize("model", MODELS)
def test_every_key_has_words(model: type[Any]) -> None:
    assert [key.name for key in keys_of(model) if not key.means] == []


def test_no_words_are_for_a_key_that_there_is_not() -> None:
    keys = {name for model in MODELS for key in keys_of(model) for name in (key.name, f"{model.__name__}.{key.name}")}
    assert WORDS.keys() - keys == set()


def test_key_tells_unit_bounds_and_default() -> None:
    keepalive = next(key for key in keys_of(BrokerSettings) if key.name == "keepalive_s")
    assert (keepalive.takes, keepalive.default) == ("s, 5 to 600", "`20`")
    capacity = next(key for key in keys_of(VehicleSpec) if key.name == "capacity_wh")
    assert (capacity.takes, capacity.default) == ("Wh, above 0", "needed")
    children = next(key for key in keys_of(UtilitySettings) if key.name == "children")
    assert (children.takes, children.default) == ("list: name (at least 1)", "needed")


def test_words_behind_a_key_in_its_model_come_first() -> None:
    assert means(VehicleSpec, "state_at") == "When it had `soc_wh` (at the earliest when it plugs in)."
    assert means(ClimateSpec, "state_at") == "When it was `room_c` in the room."


def test_examples_of_the_page_are_files_that_load(tmp_path: Path) -> None:
    written = example_files()
    assert {name.partition("-")[0] for name in written if "/" not in name} == set(Role)
    for name, tables in written.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(to_edited_toml(tables))
    (tmp_path / "books" / "ra-2.toml").write_text('[[members]]\nname = "home-2-1"\n')
    for name in written:
        if name.startswith("books/"):
            assert len(load_members(tmp_path / name)) == 2
        else:
            load_config(tmp_path / name, Role(name.partition("-")[0]))
