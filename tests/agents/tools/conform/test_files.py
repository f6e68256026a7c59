"""A maker's own files: a mistake in them is one sentence that says where."""

from pathlib import Path

import pytest
from trial_device import PROFILE as TRIAL
from trial_device import TrialDevice, VirtualBench

from agents.settings.checked import ConfigError
from agents.tools.conform.player import TrialPlayer
from agents.tools.conform.procedure import procedures
from agents.tools.conform.profile import DeviceProfile, load_profile
from agents.tools.conform.rules import rules
from agents.tools.conform.trial import TrialPlan
from protocol.units import Direction

PROFILE = '[device]\nname = "d"\nresources = ["car"]\ndecrease_load_w = 3000\n'
STEP = "{hear: offer, rule: offer.in_time}"


def profile(tmp_path: Path, text: str) -> DeviceProfile:
    path = tmp_path / "profile.toml"
    path.write_text(text)
    return load_profile(path)


def test_profile_needs_little_and_chooses_slots_that_reports_can_tell(tmp_path: Path) -> None:
    given = profile(tmp_path, PROFILE)
    assert (given.parent, given.first, given.power_slot_s) == ("ra-1", Direction.DECREASE_LOAD, 8)
    small = profile(tmp_path, PROFILE.replace("decrease_load_w = 3000", "increase_load_w = 500"))
    metered = profile(tmp_path, PROFILE.replace("3000", "500") + 'features = ["meter"]\nmeter_topic = "m"\n')
    assert metered.power_slot_s == 15
    assert (small.first, small.power_slot_s) == (Direction.INCREASE_LOAD, 29)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PROFILE.replace("3000", "0"), "decrease_load_w or increase_load_w has to be above 0"),
        (PROFILE + 'features = ["meter"]\n', "the feature 'meter' and meter_topic belong together"),
        (PROFILE + 'features = ["relaxing"]\n', "features"),
        (PROFILE + "speed = 2\n", "speed"),
        ("[device]\n", "name"),
    ],
)
def test_mistake_in_a_profile_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as mistake:
        profile(tmp_path, text)
    assert "profile.toml" in str(mistake.value)
    assert "\n" not in str(mistake.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id: own\ntext: x\nsteps: [{hear: offer, rule: offer.in_tune}]\n", "there is no rule offer.in_tune"),
        ("id: own\ntext: x\nsteps: [{hum: offer}]\n", "steps"),
        ("id: own\ntext: x\nsteps: [{say: request, loud: true}]\n", "loud"),
        ("id: own\ntext: x\nsteps: []\n", "steps"),
        ("id: [\n", "is not YAML"),
        (f"id: own\ntext: x\nneeds: [luck]\nsteps: [{STEP}]\n", "needs"),
    ],
)
def test_mistake_in_a_procedure_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told) as mistake:
        procedures(tmp_path)
    assert "own.yaml" in str(mistake.value)
    assert "\n" not in str(mistake.value)


REQUEST = "{say: request, as: r}"


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("{again: r}", "a step is about 'r', which nothing before it is called"),
        (f"{REQUEST}, {{say: award, to: r}}", "a step is about 'r', which is no offer"),
        (f"{REQUEST}, {{say: dispatch, to: r, slot: 9}}", "a step is about slot 9 of 'r', which has no such slot"),
        (f"{REQUEST}, {{power: r, slot: 9, rule: power.rests}}", "which has no such slot"),
        ("{hear: presence, as: p, rule: presence.online}, {wait: p}", "which is no message of an event"),
        (f"{REQUEST}, {{hear: offer, to: r, within: report, rule: offer.in_time}}", "is about a dispatch"),
        ("{say: request, fields: {round: 0}}", "request: "),
    ],
)
async def test_step_that_cannot_be_meant_is_one_sentence(tmp_path: Path, steps: str, told: str) -> None:
    (tmp_path / "own.yaml").write_text(f"id: own\ntext: x\nsteps: [{steps}]\n")
    with pytest.raises(ConfigError, match=told) as mistake:
        await TrialPlayer(TRIAL, VirtualBench(TrialDevice), "trial").play(procedures(tmp_path))
    assert str(mistake.value).startswith("procedure own: ")


def test_folder_without_procedures_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no procedure"):
        procedures(tmp_path)


def test_only_knows_its_procedures(tmp_path: Path) -> None:
    given = profile(tmp_path, PROFILE)
    assert [one.id for one in TrialPlan(given, only=("power",)).procedures()] == ["hello", "power"]
    with pytest.raises(ConfigError, match="--only: there is no procedure powder: hello, "):
        TrialPlan(given, only=("powder",)).procedures()


def test_every_rule_has_an_occasion() -> None:
    """A rule that no procedure gives an occasion to break is one of every message."""
    shown = {rule for procedure in procedures() for rule in procedure.rules()}
    every_message = {"wire.schema", "wire.topic", "wire.qos", "wire.retained", "wire.clock"}
    assert set(rules()) - shown == every_message
