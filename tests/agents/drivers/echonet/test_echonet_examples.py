"""The example of the driver `echonet` as its devices would meet it."""

import paths

from agents.drivers.echonet import EchonetDriver, EchonetOptions
from agents.runtime.files.config import load_config
from agents.settings.daemon import Role


def test_devices_of_the_example_are_given_back_by_a_watchdog_from_what_each_remembers() -> None:
    folder = paths.EXAMPLES / "echonet"
    specs = load_config(folder / "home.toml", Role.DER).ders[0].devices
    options = {spec.resource_id: EchonetOptions.model_validate(spec.options).placed(folder) for spec in specs}
    assert {name: (one.eoj, one.memory) for name, one in options.items()} == {
        "leaf": (0x027E01, folder / "leaf.found"),
        "battery": (0x027D01, folder / "battery.found"),
    }
    abilities = EchonetDriver(options).abilities("leaf")
    assert (abilities.falls_back_s, abilities.gives_back) == (None, False)
