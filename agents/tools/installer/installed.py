"""The real devices of a daemon's file, at their drivers, without the daemon: read, and one of them tried."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from agents.drivers.contract import DeviceReading, DeviceTrouble, HoldingDriver
from agents.drivers.registry import METERS, Drivers, devices_of
from agents.drivers.roughly import rough_w
from agents.drivers.thread import ANSWER_WITHIN_S, DriverThread
from agents.runtime.daemon.daemon import process_name
from agents.runtime.daemon.sockets import runtime_dir
from agents.settings.checked import ConfigError
from agents.settings.daemon import DaemonConfig
from agents.settings.devices import Spec

T = TypeVar("T")
ASKS_S = 1.0
"""How often a device is asked again."""


@dataclass(frozen=True, slots=True)
class AskedDevice:
    """What came of asking one."""

    name: str
    driver: str
    reading: DeviceReading | None
    trouble: str
    of_meter: bool = False
    """It is of the meter that the device has beside it."""
    held: str = ""
    """An earlier run has not given it back: one sentence, with what gives it back; empty: nobody knows of any."""


class Installed:
    """All real devices of one file."""

    def __init__(self, config: DaemonConfig, where: str) -> None:
        """Raises ConfigError, also when there are none."""
        self._where = where
        parties = config.parties().each()
        drivers = Drivers(parties, config.folder or Path(), where)
        self._specs = {spec.resource_id: spec for party in parties for spec in devices_of(party)}
        self._threads: dict[str, DriverThread] = drivers.threads()
        self._meters = drivers.meters()
        self._socket = (config.control.dir or runtime_dir()) / f"{process_name(config)}.sock"
        if not self._specs:
            raise ConfigError(f"{where}: there is no device here: give the file of a home's daemon")
        if not self._threads:
            raise ConfigError(f'{where}: all devices are simulated: name a driver, as in driver = "ocpp"')

    def chosen(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that are named; all without a name. Raises ConfigError."""
        wanted = tuple(names) or tuple(self._threads)
        for name in wanted:
            if name not in self._threads:
                raise ConfigError(f"{self._where}: no real device is called {name}: {', '.join(self._threads)}")
        return wanted

    @asynccontextmanager
    async def begun(self, names: Iterable[str]) -> AsyncIterator[None]:
        """With their drivers at work. Raises ConfigError while the daemon runs: sockets and devices are its."""
        if await self._is_running():
            raise ConfigError(f"{self._where}: its daemon runs: stop it first, or look at 'gridpact status'")
        joined = [(name, of[name]) for name in names for of in (self._threads, self._meters) if name in of]
        for name, thread in joined:
            thread.join(name, lambda state: None)
        try:
            yield
        finally:
            for name, thread in joined:
                await thread.leave(name)

    async def _is_running(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            return False
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        return True

    async def read_all(self, names: Iterable[str], within_s: float) -> list[AskedDevice]:
        """Their states, each with that of its meter behind it."""
        asked = [
            (name, of_meter) for name in names for of_meter in (False, True) if not of_meter or name in self._meters
        ]
        return list(await asyncio.gather(*(self.read(name, within_s, of_meter=of_meter) for name, of_meter in asked)))

    async def read(self, name: str, within_s: float, *, of_meter: bool = False) -> AskedDevice:
        """Its state; asked again while it has none to tell."""
        thread, trouble = (self._meters if of_meter else self._threads)[name], ""
        driver = thread.name.removesuffix(METERS)
        ends_at = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                state = await _answer(thread, lambda: thread.driver.read(name))
                return AskedDevice(name, driver, state, "", of_meter, "" if of_meter else self._held(name))
            except DeviceTrouble as told:
                trouble = str(told)
            if asyncio.get_running_loop().time() >= ends_at:
                return AskedDevice(name, driver, None, trouble, of_meter, "" if of_meter else self._held(name))
            await asyncio.sleep(ASKS_S)

    def _held(self, name: str) -> str:
        driver = self._threads[name].driver
        if not isinstance(driver, HoldingDriver) or not driver.is_held(name):
            return ""
        if driver.abilities(name).gives_back:
            text = "an earlier run has taken it over and not given it back itself, its broker may have:"
            return f"{text} the daemon's next start does, and the end of the next gridpact devices set"
        text = "an earlier run, which was killed, has not given it back, and it may still do what it was told then:"
        return f"{text} gridpact watchdog --once --config {self._where} gives it back, the daemon's next start too"

    def allowed(self, name: str, power_w: int) -> None:
        """Raises ConfigError for a power that the device's settings do not allow."""
        spec = self._specs[name]
        most_w, discharge_w = _most(spec, "max_charge_w", "rated_w"), _most(spec, "max_discharge_w") or 0
        if most_w is not None and not -discharge_w <= power_w <= most_w:
            raise ConfigError(
                f"{self._where}: {name} may have {-discharge_w:,} W to {most_w:,} W (it is {power_w:,} W)"
            )

    def possible(self, before: AskedDevice, power_w: int) -> None:
        """Raises DeviceTrouble for what a device that says this of itself cannot follow."""
        name, state = before.name, before.reading
        if state is None:
            raise DeviceTrouble(f"{name}: {before.trouble}: nothing was set")
        if state.plugged is False:
            raise DeviceTrouble(f"{name}: no vehicle is plugged in: nothing was set")
        least_w = self._threads[name].driver.abilities(name).least_w if state.least_w is None else state.least_w
        if 0 < abs(power_w) < least_w:
            raise DeviceTrouble(
                f"{name}: it follows 0 W, or {least_w:,} W and more (it is {power_w:,} W): nothing was set"
            )

    async def try_power(self, name: str, power_w: int, for_s: float, tell: Callable[[AskedDevice], None]) -> bool:
        """Let it follow a power for a while, tell what it says meanwhile, and give it back, whatever happens; whether it
        followed at the end. Raises DeviceTrouble."""
        thread = self._threads[name]
        until = datetime.now(UTC) + timedelta(seconds=for_s)
        loop = asyncio.get_running_loop()
        ends_at, last = loop.time() + for_s, None
        try:
            await self._call(name, lambda: thread.driver.set_power(name, power_w, until))
            while (left_s := ends_at - loop.time()) > 0:
                await asyncio.sleep(min(ASKS_S, left_s))
                last = await self.read(name, 0)
                tell(last)
        finally:
            await self._give_back(name)
        state = None if last is None else last.reading
        return state is not None and follows(state, power_w)

    async def _give_back(self, name: str) -> None:
        try:
            await self._call(name, lambda: self._threads[name].driver.release(name))
        except DeviceTrouble as told:
            held = self._held(name)
            raise DeviceTrouble(f"{told}" + (f"; {held}" if held else "")) from None

    async def _call(self, name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await _answer(self._threads[name], make)
        except DeviceTrouble as told:
            raise DeviceTrouble(f"{name}: {told}") from None


async def _answer(thread: DriverThread, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Raises DeviceTrouble."""
    try:
        return await thread.answer(make, ANSWER_WITHIN_S)
    except TimeoutError:
        raise DeviceTrouble("its driver does not answer") from None


def follows(state: DeviceReading, power_w: int) -> bool:
    """Whether what it says to flow is what it was told."""
    if state.fault or state.power_w is None:
        return False
    return abs(state.power_w - power_w) <= rough_w(power_w)


def _most(spec: Spec, *keys: str) -> int | None:
    """What the settings say, by the first of these keys that they have; None: nothing."""
    found = (getattr(spec, key, None) for key in keys)
    return next((one for one in found if isinstance(one, int)), None)
