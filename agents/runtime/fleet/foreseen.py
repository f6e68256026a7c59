"""Homes with one vehicle: what many of them compute for the messages of one batch is computed at once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from agents.devices.condition import tells_more
from agents.devices.contract import Flexibility
from agents.parties.der.actor import Der
from agents.parties.fleet.foresight import Computation, ForeseeingHome, Foresight, State
from agents.settings.devices import DeviceSpec, VehicleSpec
from agents.settings.parties import DerSettings
from protocol.actor import Actor, Measured

Ready: TypeAlias = tuple[Computation, Flexibility, State | None]
"""What a home was expected to compute, what comes of it, and of an actor in which state."""
Expected: TypeAlias = tuple[str, Computation, ForeseeingHome | None, datetime]
"""A home, what it is about to compute, its actor's home where it has an actor, and when."""


class ForeseenVehicles:
    """Of the homes of one process."""

    def __init__(self, settings: Sequence[DerSettings]) -> None:
        alone = [one for one in settings if len(one.devices) == 1 and _is_foreseen(one.devices[0])]
        self._number = {one.name: number for number, one in enumerate(alone)}
        vehicles = [spec for one in alone for spec in one.devices if isinstance(spec, VehicleSpec)]
        self._foresight = Foresight(vehicles, [one.connection for one in alone])

    def __contains__(self, name: object) -> bool:
        return name in self._number

    def read(self, name: str, reading: Measured) -> None:
        """Note how full a vehicle is; one that tells more computes by itself from now on."""
        if tells_more(reading):
            self._number.pop(name, None)
        self.remember(name, reading)

    def remember(self, name: str, reading: Measured) -> None:
        """The same of an earlier process."""
        number = self._number.get(name)
        if number is not None and reading.soc_wh is not None:
            self._foresight.read(number, reading.soc_wh, reading.at)

    def look(self, name: str, actor: Actor) -> None:
        """Note how full the vehicle of an actor is after a step."""
        if name in self._number:
            home = foreseeing(actor)
            if home.moved() and home.vehicle.stays is None:
                self._foresight.read(self._number[name], home.vehicle.spec.soc_wh, home.vehicle.spec.state_at)

    def answers(self, expected: Iterable[Expected]) -> dict[str, Ready]:
        """Compute at once what these homes are about to compute."""
        wanted, states = [], {}
        for name, one, home, now in expected:
            if home is not None:
                state = states[name] = home.state(one, now)
                if state is None:
                    continue
                self._foresight.put(self._number[name], state)
            wanted.append((name, one))
        answers = self._foresight.compute([(self._number[name], one) for name, one in wanted])
        return {name: (one, answers[self._number[name]], states.get(name)) for name, one in wanted}


def foreseeing(actor: Actor) -> ForeseeingHome:
    """The home of an actor that is foreseen."""
    assert isinstance(actor, Der)
    assert isinstance(actor.home, ForeseeingHome)
    return actor.home


def _is_usual(spec: DeviceSpec) -> bool:
    """Whether a device is a vehicle of which nothing is known but its energy: what many compute at once."""
    return isinstance(spec, VehicleSpec) and tells_nothing(spec) and spec.relay_ops_a_day is None


def _is_foreseen(spec: DeviceSpec) -> bool:
    """The same, and vehicles whose owners have a plan."""
    if not isinstance(spec, VehicleSpec) or spec.charging == "follow_pv":
        return False
    return _is_usual(spec) or spec.lives_on


def tells_nothing(spec: DeviceSpec) -> bool:
    """Whether a device tells nothing by itself, and has no plan."""
    return spec.state_valid_s is None and not (isinstance(spec, VehicleSpec) and spec.lives_on)
