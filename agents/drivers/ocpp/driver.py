"""All devices of a process that name the driver `ocpp`."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from agents.drivers.contract import Abilities, DeviceReading, Push
from agents.drivers.ocpp.central import Central
from agents.drivers.ocpp.charger import Charger
from agents.drivers.ocpp.options import Listening, OcppOptions
from agents.drivers.ocpp.site import Site
from agents.settings.checked import ConfigError


class OcppDriver:
    """The central system of their chargers: one socket for all that call in at the same place."""

    Options = OcppOptions

    def __init__(self, devices: Mapping[str, OcppOptions], /) -> None:
        self._options = dict(devices)
        places: dict[Listening, dict[str, dict[int, tuple[str, OcppOptions]]]] = {}
        for name, options in devices.items():
            of = places.setdefault(options.listening(), {}).setdefault(options.charge_point, {})
            if options.connector in of:
                other = of[options.connector][0]
                raise ConfigError(
                    f"{name}: connector {options.connector} of {options.charge_point} is {other} already: "
                    "each device has one of its own"
                )
            of[options.connector] = name, options
        _check_places(places)
        self._chargers: dict[str, Charger] = {}
        self._centrals: list[Central] = []
        sites = _sites(devices)
        for listening, chargers in places.items():
            made = {identity: Charger(identity, of, sites) for identity, of in chargers.items()}
            first = {identity: next(iter(of.values()))[1] for identity, of in chargers.items()}
            self._chargers |= {name: made[identity] for identity, of in chargers.items() for name, _ in of.values()}
            self._centrals.append(Central(listening, made, first))

    def abilities(self, device: str) -> Abilities:
        return self._options[device].abilities()

    async def run(self, push: Push) -> None:
        async with asyncio.TaskGroup() as tasks:
            for central in self._centrals:
                tasks.create_task(central.run(push))

    async def read(self, device: str) -> DeviceReading:
        return self._chargers[device].reading(self._options[device].connector)

    async def set_power(self, device: str, power_w: int, until: datetime) -> None:
        await self._chargers[device].set_power(self._options[device].connector, power_w, until)

    async def release(self, device: str) -> None:
        await self._chargers[device].release(self._options[device].connector)


def _sites(devices: Mapping[str, OcppOptions]) -> dict[str, Site]:
    """By their names. Raises ConfigError."""
    found: dict[str, Site] = {}
    for name, options in devices.items():
        if options.site is None or options.site_w is None:
            continue
        site = found.setdefault(options.site, Site(options.site_w))
        if site.limit_w != options.site_w:
            raise ConfigError(
                f"{name}: site_w of {options.site} is {site.limit_w:,} W at another device and {options.site_w:,} W here: "
                "a site has one limit"
            )
    return found


def _check_places(places: Mapping[Listening, Mapping[str, Mapping[int, tuple[str, OcppOptions]]]]) -> None:
    """One socket has one certificate, one charger one password and one way to be told. Raises ConfigError."""
    of_port: dict[int, tuple[str, Listening]] = {}
    for place, chargers in places.items():
        name = next(iter(next(iter(chargers.values())).values()))[0]
        other, known = of_port.setdefault(place.port, (name, place))
        if known != place and (known.host == place.host or "0.0.0.0" in (known.host, place.host)):
            raise ConfigError(
                f"{name}: port {place.port} is that of {other} with another host, certificate, key or ca: "
                "give them the same ones or another port"
            )
        for identity, of in chargers.items():
            told = {(one.password_file, one.sample_s, one.stack_level, one.upstream) for _, one in of.values()}
            if len(told) > 1:
                names = ", ".join(name for name, _ in of.values())
                raise ConfigError(
                    f"{names}: password_file, sample_s, stack_level and upstream are of a charger: give all connectors of "
                    f"{identity} the same ones"
                )
