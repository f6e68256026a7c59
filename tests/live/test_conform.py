"""`gridpact conform` on a real broker with TLS: the reference devices of examples/ conform, and so does a home of ours."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import node
import paths
import pytest

from agents.settings.checked import ConfigError
from agents.tools.conform.outcome import RuleState
from agents.tools.conform.profile import DeviceProfile, load_profile
from agents.tools.conform.told import as_json, junit, page
from agents.tools.conform.trial import TrialPlan, TrialReport, run_trial
from broker.mosquitto import free_port

pytestmark = [pytest.mark.live, pytest.mark.slow]
EXAMPLE = paths.EXAMPLES / "conform" / "device.toml"
WITH_TIME = {"answers_within_s": 4.0}
"""For a machine that does much else."""
WHERE = ("--host", "{host}", "--name", "{name}", "--parent", "{parent}", "--ca", "{ca}")
BY_CERTIFICATE = (*WHERE, "--port", "{port}", "--certificate", "{certificate}", "--key", "{key}")
BY_PASSWORD = (*WHERE, "--port", "{password_port}", "--user", "{name}", "--password-file", "{password_file}")
HOME = """
[broker]
host = "127.0.0.1"
port = {port}
ca = "bundle/ca.crt"
certificate = "bundle/party.crt"
key = "bundle/party.key"
[control]
dir = "{folder}/run"
name = "home"
[journal]
path = "{folder}/home.journal"
[[ders]]
name = "hems-42"
parent = "ra-1"
capability_every_s = 60
[[ders.devices]]
kind = "storage"
resource_id = "battery-42"
capacity_wh = 20000
soc_wh = 12000
state_at = 2026-01-14T08:00:00Z
reserve_wh = 1000
max_charge_w = 3000
max_discharge_w = 3000
"""
OURS = DeviceProfile.model_validate({
    "name": "hems-42", "resources": ("battery-42",), "decrease_load_w": 3_000, "increase_load_w": 3_000,
    "features": ("presence", "capability", "answers_dispatch"),
})  # fmt: skip


def example(folder: Path, *command: str) -> TrialPlan:
    return TrialPlan(load_profile(EXAMPLE).model_copy(update=WITH_TIME), command, bundle=folder / "bundle")


def paho(folder: Path) -> TrialPlan:
    return example(folder, sys.executable, str(paths.EXAMPLES / "device_paho.py"), *BY_CERTIFICATE)


def mqttjs(folder: Path) -> TrialPlan:
    script = str(paths.EXAMPLES / "device_mqttjs.js")
    return example(folder, "env", f"NODE_PATH={node.MODULES}", node.node(), script, *BY_PASSWORD, "--mqtt", "5")


def mosquitto(folder: Path) -> TrialPlan:
    compiler = shutil.which("cc")
    headers = [Path("/usr/include/mosquitto.h"), Path("/usr/include/cjson/cJSON.h")]
    node.needs(compiler, "there is no C compiler (Debian, Ubuntu: apt install gcc libc6-dev)")
    node.needs(
        all(one.is_file() for one in headers),
        "the headers of libmosquitto and cJSON are missing: run 'make headers' (apt install libmosquitto-dev libcjson-dev)",
    )
    program, source = folder / "device", paths.EXAMPLES / "device_mosquitto.c"
    strict = ("-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")
    libraries = ("-lmosquitto", "-lcjson", "-lm")
    subprocess.run((str(compiler), *strict, "-o", str(program), str(source), *libraries), check=True)
    return example(folder, str(program), *BY_CERTIFICATE)


def ours(folder: Path) -> TrialPlan:
    port, config = free_port(), folder / "home.toml"
    config.write_text(HOME.format(port=port, folder=folder))
    command = (sys.executable, "-m", "agents.cli", "run", "der", "--config", str(config))
    return TrialPlan(OURS.model_copy(update=WITH_TIME), command, port=port, bundle=folder / "bundle")


DEVICES = {"paho": paho, "mqttjs": mqttjs, "mosquitto": mosquitto, "ours": ours}


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, TrialReport | pytest.skip.Exception]:
    """All at the same time: a trial mostly waits. A device that cannot be made here is skipped by its own test."""
    plans: dict[str, TrialPlan] = {}
    found: dict[str, TrialReport | pytest.skip.Exception] = {}
    for name, make in DEVICES.items():
        try:
            plans[name] = make(tmp_path_factory.mktemp(name))
        except pytest.skip.Exception as missing:
            found[name] = missing

    async def play() -> None:
        trials = (run_trial(plan, lambda door: None, lambda text: None) for plan in plans.values())
        found.update(zip(plans, await asyncio.gather(*trials), strict=True))

    asyncio.run(play())
    return found


def report_of(trials: Mapping[str, TrialReport | pytest.skip.Exception], name: str) -> TrialReport:
    found = trials[name]
    if not isinstance(found, TrialReport):
        raise found
    return found


@pytest.mark.parametrize("name", DEVICES)
def test_reference_device_conforms_over_tls(
    trials: Mapping[str, TrialReport | pytest.skip.Exception], name: str
) -> None:
    report = report_of(trials, name)
    assert {rule: one.told for rule, one in report.outcomes.of.items() if one.broken} == {}
    assert report.troubles == []
    assert report.outcomes.count(RuleState.HOLDS) >= 45
    assert {"power.follows", "power.rests", "power.once", "power.runs_out", "power.ends", "start.restart"} <= set(
        report.outcomes.states(RuleState.HOLDS)
    )


def test_trial_is_told_for_people_and_machines(trials: Mapping[str, TrialReport | pytest.skip.Exception]) -> None:
    report = report_of(trials, "paho")
    assert as_json(report)["conforms"] is True
    assert 'failures="0"' in junit(report)
    assert "| device | hems-42 (device_paho) |" in page(report)
    assert "| way in | TLS, certificates and an access list |" in page(report)


async def test_device_that_ends_before_it_says_anything_is_one_sentence_and_no_verdict() -> None:
    profile = load_profile(EXAMPLE).model_copy(update={"starts_within_s": 2.0})
    plan = TrialPlan(profile, ("sh", "-c", "echo there is no module paho; exit 3"))
    with pytest.raises(
        ConfigError, match=r"sh: the device ended by itself with code 3: there is no module paho, before"
    ):
        await run_trial(plan, lambda door: None, lambda text: None)
