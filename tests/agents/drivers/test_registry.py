"""Which driver a device has, by the name in its settings."""

import ast
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packages import forget, put
from paths import ROOT
from worlds import T0, battery, vehicle

from agents.drivers.build import build_drivers
from agents.drivers.mqtt import MqttDriver, MqttOptions
from agents.drivers.registry import GROUP, SHIPPED, SIMULATED, Drivers, driver_class
from agents.runtime.files.config import load_config
from agents.runtime.files.scenario import load_scenario
from agents.runtime.fleet.sources import load_source
from agents.settings.checked import ConfigError
from agents.settings.daemon import PartiesConfig, Role
from agents.settings.devices import SolarSpec
from agents.settings.parties import AggregatorSettings, DerSettings

Install = Callable[..., Path]
BODY = """
from pydantic import BaseModel

class PlugOptions(BaseModel):
    address: str

class Plugs:
    Options = PlugOptions
    def __init__(self, devices):
        self.devices = devices
    def abilities(self, device):
        from agents.drivers.contract import Abilities
        return Abilities()
    async def run(self, push): ...
    async def read(self, device): ...
    async def set_power(self, device, power_w, until): ...
    async def release(self, device): ...

class Half:
    Options = PlugOptions

class Broken(Plugs):
    def __init__(self, devices):
        raise OSError("no adapter")

class Unable(Plugs):
    def abilities(self, device):
        return 1 / 0
"""
MQTT = {"alive": "box/alive", "broker": {"host": "house", "user": "u", "password_file": "mqtt.password"}}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    def put_one(point: str, value: str, package: str = "other") -> Path:
        return put(tmp_path / package, monkeypatch, {point: value}, BODY, package, "gridpact.drivers")

    forget()
    yield put_one
    monkeypatch.undo()
    forget()


def home(*devices: Any) -> DerSettings:
    return DerSettings(name="h", parent="ra", devices=devices)


def test_shipped_driver_is_found_and_paths_begin_at_the_file(tmp_path: Path) -> None:
    assert driver_class("mqtt", "x") is MqttDriver
    drivers = Drivers([home(vehicle("ev", driver="mqtt", options=MQTT), vehicle("second"))], tmp_path, "x")
    device = drivers.of(home(vehicle("ev")))["ev"]
    assert (device.driver_name, device.abilities.silent_after_s) == ("mqtt", 60)
    assert drivers.of(home(vehicle("second"))) == {}
    options = MqttOptions.model_validate(MQTT).placed(tmp_path)
    assert options.broker.password_file == tmp_path / "mqtt.password"


def test_one_object_serves_all_devices_that_name_the_driver_and_a_meter_has_its_own(install: Install) -> None:
    install("plug", "plug_module:Plugs")
    meter = {"driver": "plug", "options": {"address": "m"}}
    devices = [vehicle(f"ev-{n}", driver="plug", options={"address": str(n)}, meter=meter) for n in range(2)]
    own = AggregatorSettings(name="ra", parent="ac", storage=(battery("bat", driver="plug", options={"address": "b"}),))
    drivers = Drivers([home(*devices), own], Path(), "x")
    found = drivers.of(home(*devices)) | drivers.of(own)
    assert {device._thread for device in found.values()} == {found["bat"]._thread}
    assert {name: one.address for name, one in found["bat"]._thread.driver.devices.items()} == {  # type: ignore[attr-defined]
        "ev-0": "0", "ev-1": "1", "bat": "b",
    }  # fmt: skip
    assert found["ev-0"]._meter is found["ev-1"]._meter
    assert found["ev-0"]._meter is not found["ev-0"]._thread


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"driver": "modbus"}, "x: h: ev.driver: no driver modbus is installed; there are simulated, mqtt, ocpp, echonet, broken, half, plug, unable"),
        ({"driver": "mqtt"}, "x: h: ev.options: something of its state is needed"),
        ({"driver": "plug"}, "x: h: ev.options: address: is missing"),
        ({"driver": "plug", "options": {"address": 7}}, r"x: h: ev.options: address: input should be a valid string \(it is 7\)"),
        ({"options": {"address": "7"}}, "x: h: ev: options: a simulated device has none: name its driver"),
        ({"driver": "simulated", "meter": {"driver": "mqtt"}}, "x: h: ev: meter: a simulated device has none"),
        ({"driver": "mqtt", "options": MQTT, "meter": {"driver": "simulated"}}, "ev: meter.driver: what a real device does is not"),
        ({"driver": "half"}, "h: ev.driver: plug_module:Half of half 1.0 is no class with Options, abilities, run, read, set_power"),
        ({"driver": "unable", "options": {"address": ""}}, "x: the driver unable cannot begin: division by zero"),
        ({"driver": "broken", "options": {"address": ""}}, "x: the driver broken cannot begin: no adapter"),
    ],
)  # fmt: skip
def test_mistake_is_one_sentence(install: Install, given: dict[str, Any], text: str) -> None:
    install("plug", "plug_module:Plugs")
    install("half", "plug_module:Half", "half")
    install("broken", "plug_module:Broken", "broken")
    install("unable", "plug_module:Unable", "unable")
    with pytest.raises(ConfigError, match=f"^{text}" if text.startswith("x") else text):
        Drivers([home(vehicle("ev", **given))], Path(), "x")


def test_battery_of_a_plant_has_no_driver_of_its_own() -> None:
    own = battery("bat", driver="mqtt", options=MQTT)
    plant = SolarSpec(
        kind="solar", resource_id="pv", forecast_w=(1,), forecast_at=T0, export_limit_w=1_000, battery=own
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"x: h: pv: battery\.driver: a plant and its battery are one device"):
        Drivers([home(plant)], Path(), "x")


def test_mqtt_meter_does_not_share_its_device_s_connection() -> None:
    for given, expected in (({}, "gridpact-ev.meter"), ({"client_id": "reader"}, "reader")):
        meter = {"driver": "mqtt", "options": MQTT | given}
        drivers = Drivers([home(vehicle("ev", driver="mqtt", options=MQTT, meter=meter))], Path(), "x")
        of = {name: thread.driver for name, thread in (drivers.meters() | {"own": drivers.threads()["ev"]}).items()}
        names = {name: driver._devices["ev"]._client_id for name, driver in of.items()}  # type: ignore[attr-defined]
        assert names == {"ev": expected, "own": "gridpact-ev"}


def test_how_a_device_is_reached_stands_in_no_journal() -> None:
    plain, real = home(vehicle("ev")), home(vehicle("ev", driver="mqtt", options=MQTT, meter={"driver": "mqtt"}))
    assert PartiesConfig(ders=(real,)).as_bytes() == PartiesConfig(ders=(plain,)).as_bytes()
    assert list(build_drivers(real)) == ["ev"]
    assert build_drivers(real, but=("ev",)) == {}


def test_file_with_an_unknown_driver_is_refused_and_fleets_and_scenarios_only_simulate(tmp_path: Path) -> None:
    file, scenario = tmp_path / "homes.toml", tmp_path / "evening.toml"
    given = json.loads(vehicle("ev").model_dump_json(exclude_none=True))
    device = "\n".join(f"{key} = {json.dumps(value)}" for key, value in given.items() if value != [])
    text = '[[ders]]\nname = "h"\nparent = "ra"\n[[ders.devices]]\n' + device + '\ndriver = "mqtt"\n'
    file.write_text(text + 'options = { alive = "x" }\n')
    assert load_config(file, Role.DER).ders[0].devices[0].driver == "mqtt"
    with pytest.raises(ConfigError, match=r"homes.toml: h: ev: driver: devices are simulated here: leave it out"):
        load_source(file, load_scenario(Path("evening_peak")).start_at)
    file.write_text(text.replace("mqtt", "mqqt"))
    with pytest.raises(ConfigError, match=r"homes.toml: h: ev.driver: no driver mqqt is installed"):
        load_config(file, Role.DER)
    shipped = (Path(__file__).parents[3] / "examples" / "evening_peak.toml").read_text()
    scenario.write_text(shipped.replace('kind = "vehicle"', 'kind = "vehicle"\ndriver = "mqtt"', 1))
    with pytest.raises(ConfigError, match="driver: devices are simulated here"):
        load_scenario(scenario)


def test_shipped_drivers_are_entry_points_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][GROUP] == dict(SHIPPED)
    assert {"ocpp", "echonet"} <= project["optional-dependencies"].keys()


@pytest.mark.parametrize("name", sorted(SHIPPED.keys() - {SIMULATED}))
def test_driver_of_real_devices_knows_nothing_of_negotiation(name: str) -> None:
    files = list((ROOT / "agents" / "drivers" / name).rglob("*.py"))
    trees = [ast.walk(ast.parse(path.read_text())) for path in files]
    known = {node.module for tree in trees for node in tree if isinstance(node, ast.ImportFrom)}
    assert len(files) > 3
    assert not [one for one in known if one and one.startswith(("agents.negotiation", "agents.parties"))]
