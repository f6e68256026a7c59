"""An actor with its devices, step by step, and the fold of what was stepped."""

from datetime import timedelta

from worlds import T0, vehicle

from agents.drivers.simulated import build_driver
from agents.drivers.state import driver_memory
from agents.parties.der.actor import Der
from agents.settings.parties import DerSettings
from broker.stepper import Stepper
from protocol.entries import encode_effects


def test_fold_lets_a_simulated_device_live_through_the_reading_of_a_start() -> None:
    """A start reads the register in the middle of what flows: the energies told later are the same after a fold."""
    spec = vehicle("ev-1", soc_wh=10_000, max_charge_w=7_000)
    settings = DerSettings(name="home", parent="ra-1", devices=(spec,))
    lived = Stepper(Der(settings), {"ev-1": build_driver(spec)})
    taken = [entry for minute in (3, 11, 17) for entry in lived.begin(T0 + timedelta(minutes=minute, seconds=7))]
    folded = Stepper(Der(settings), {"ev-1": build_driver(spec)})
    for entry in taken:
        folded.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)
    assert driver_memory(folded.drivers["ev-1"]) == driver_memory(lived.drivers["ev-1"])
