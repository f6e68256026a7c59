"""One charger: its connectors, the connection that it has at present, and what it is to follow."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.ocpp.clock import OLD_S, ChargerClock
from agents.drivers.ocpp.connector import Connector, Sample
from agents.drivers.ocpp.limit import limit_of
from agents.drivers.ocpp.needs import needs_of
from agents.drivers.ocpp.needs_memory import NeedsMemory, SaidNeeds
from agents.drivers.ocpp.options import OcppOptions
from agents.drivers.ocpp.session import ChargerSession
from agents.drivers.ocpp.site import Site, Want

BOOTS_WITHIN_S = 3.0
"""A charger that has started anew says so at once; one that lost its connection only goes on."""
AGAIN_AFTER_S = 10.0
"""A limit that it has not taken, while nobody else says it again."""
Told = Callable[[str, DeviceReading], None]


@dataclass(frozen=True, slots=True)
class HeldLimit:
    """The power that a connector follows for us."""

    power_w: int
    until: datetime


class Charger:
    """What is known of it outlives a connection."""

    def __init__(
        self, name: str, devices: Mapping[int, tuple[str, OcppOptions]], sites: Mapping[str, Site] | None = None
    ) -> None:
        """`devices`: by connector, a device's name and options. `sites`: those with one limit, by their names."""
        self.name = name
        self.connectors = {number: Connector(options) for number, (_, options) in devices.items()}
        self._devices = devices
        self._clock = ChargerClock()
        self._holds: dict[int, HeldLimit] = {}
        self._said: dict[int, Mapping[str, Any]] = {}
        """What vehicles need, as the wire had it."""
        self._untold: set[int] = set()
        """Connectors whose limit the charger has to be told again."""
        self._is_new = False
        """It has connected or started, and was told nothing since."""
        self._lost = False
        """Limits of ours may be gone from it."""
        self._session: ChargerSession | None = None
        self._some = asyncio.Event()
        self._push: Told = lambda name, reading: None
        self.why_away: Callable[[], str] = str
        """What is known of it while it is not connected; the place where it calls in knows more."""
        self._last_number = int(time.time())
        self._memories = {
            number: NeedsMemory(options.memory)
            for number, (_, options) in devices.items()
            if options.memory is not None
        }

        self._sites: dict[int, Site] = {}
        for number, (_, options) in devices.items():
            if options.site is not None and sites is not None:
                site = self._sites[number] = sites[options.site]
                place, least_w = (name, number), options.least_w(options.phases)
                site.add(place, least_w, partial(self._follow, number), partial(self._again, (number,)))

    # -- its connection

    async def serve(self, session: ChargerSession, push: Told) -> None:
        """Until the connection is gone."""
        self._session, self._push = session, push
        self._some, self._is_new = asyncio.Event(), True
        telling = asyncio.create_task(self._tell_on(session))
        try:
            await session.start()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            if self._session is session:
                self._session = None

    async def _tell_on(self, session: ChargerSession) -> None:
        """What holds, and what it is to send: after a restart of it nothing stands there any more."""
        await self._wait(BOOTS_WITHIN_S)
        while True:
            self._some.clear()
            is_new, self._is_new = self._is_new, False
            lost, self._lost = is_new or self._lost, False
            if lost:
                self._untold = set(self._holds)
                for one in self.connectors.values():
                    one.obedience.tell(None, time.monotonic())
                with suppress(DeviceTrouble):
                    await self._tell_safe(session)
            for number in sorted(self._untold):
                await self._tell_limit(number)
            if is_new:
                with suppress(DeviceTrouble):  # what it does not send then is missed in its readings
                    await session.settle()
                with suppress(DeviceTrouble):  # then it stays, as if it had never called in since
                    await self._clear_safe(session)
            await self._wait(AGAIN_AFTER_S if self._untold else None)

    async def _tell_safe(self, session: ChargerSession) -> None:
        """What may be taken while nothing else is told, without an end: nor does an outage of ours make it more."""
        for number, site in self._sites.items():
            options, now = self.connectors[number].options, datetime.now(UTC)
            limit = limit_of(site.safe_w((self.name, number)), options, options.phases, now, now + timedelta(seconds=1))
            if limit is not None:
                await session.limit(number, replace(limit.by_clock(self._clock.behind_s), lasting=True))

    async def _clear_safe(self, session: ChargerSession) -> None:
        """The share of a site that a connector is no part of any more: nothing else would ever take it away."""
        for number in self.connectors.keys() - self._sites.keys():
            await session.clear(number, lasting=True)

    async def _wait(self, most_s: float | None) -> None:
        """For something to tell."""
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._some.wait()

    async def _tell_limit(self, number: int) -> None:
        self._untold.discard(number)
        try:
            await self._follow(number)
        except DeviceTrouble:
            self._untold.add(number)

    def _again(self, numbers: Iterable[int]) -> None:
        """Let the charger be told what holds there."""
        if held := self._holds.keys() & set(numbers):
            self._untold |= held
            self._some.set()

    # -- what it says

    def alive(self) -> None:
        for connector in self.connectors.values():
            connector.alive(time.monotonic())

    def booted(self) -> None:
        self._clock.start()
        self._is_new = True
        self._some.set()

    def limits_lost(self) -> None:
        """Somebody else has changed limits in it: what holds is said again."""
        self._lost = True
        self._some.set()

    def status(self, connector: int, status: str, error: str) -> None:
        error = "" if error == "NoError" else error
        if connector == 0:
            for number, one in self.connectors.items():
                one.charger_is(status, error, time.monotonic())
                self._tell(number)
        elif connector in self.connectors:
            self.connectors[connector].be(status, error, time.monotonic())
            self._tell(connector)

    def begun(self, connector: int, transaction: int | str, said: str | None) -> None:
        if connector in self.connectors:
            at, now = self._instant(said)
            self.connectors[connector].begin(transaction, at, now)
            self._remember(connector, transaction)
            self._again([connector])  # a limit is of one transaction
            self._tell(connector)

    def needs(self, connector: int, said: Mapping[str, Any]) -> None:
        one = self.connectors.get(connector)
        if one is None:
            return
        one.need(needs_of(said))
        self._said[connector] = said
        self._keep(connector, one.transaction, one.register_wh)
        self._again([connector])
        self._tell(connector)

    def _keep(self, connector: int, transaction: int | str | None, register_wh: float | None) -> None:
        if connector in self._memories and transaction is not None:
            with suppress(OSError):  # what is not kept, a next life does not know
                self._memories[connector].keep(SaidNeeds(transaction, self._said[connector], register_wh))

    def _remember(self, connector: int, transaction: int | str) -> None:
        """What the vehicle of a transaction said while an earlier life heard it, or before it began."""
        one, memory = self.connectors[connector], self._memories.get(connector)
        if connector in self._said and one.needs is not None:
            self._keep(connector, transaction, one.register_wh)
        elif memory is not None and (kept := memory.load()) is not None and kept.transaction == transaction:
            self._said[connector] = kept.needs
            one.need(needs_of(kept.needs), kept.register_wh)

    def holds(self, connector: int) -> bool:
        return connector in self._holds

    def may_discharge(self) -> bool:
        return any(one.options.discharges for one in self.connectors.values())

    def ended(self, connector: int, transaction: int | str) -> None:
        one = self.connectors.get(connector)
        if one is not None and one.transaction == transaction:
            one.end(time.monotonic())
            self._again([connector])  # for the next one
            self._tell(connector)

    def metered(self, connector: int, samples: list[Sample], said: str | None) -> None:
        one = self.connectors.get(connector)
        if one is None:  # 0: of the charger's main meter, which may have other loads behind it
            return
        phases = one.phases
        one.meter(samples, *self._instant(said))
        if one.phases != phases:
            self._again([connector])
        self._tell(connector)

    def transaction_of(self, connector: int) -> int | str | None:
        one = self.connectors.get(connector)
        return None if one is None else one.transaction

    def connector_of(self, transaction: int | str) -> int:
        for number, one in self.connectors.items():
            if one.last_transaction == transaction:
                return number
        return next(iter(self.connectors)) if len(self.connectors) == 1 else 0

    def next_transaction(self) -> int:
        self._last_number += 1
        return self._last_number

    def _instant(self, said: str | None) -> tuple[float, float]:
        """Monotonic s of an instant that it gives with what it says, and of now."""
        behind_s = self._clock.behind_s
        age_s = self._clock.age_s(said, datetime.now(UTC))
        if abs(self._clock.behind_s - behind_s) >= OLD_S:
            self._again(self._holds)  # their ends are by its clock
        for one in self.connectors.values():
            one.clock_behind = timedelta(minutes=round(self._clock.behind_s / 60))
        now = time.monotonic()
        return now - age_s, now

    def _tell(self, number: int) -> None:
        reading = self.connectors[number].reading(time.monotonic())
        if reading is not None:
            self._push(self._devices[number][0], reading)

    def reading(self, number: int) -> DeviceReading:
        """Raises DeviceTrouble."""
        self._standing()
        reading = self.connectors[number].reading(time.monotonic())
        if reading is None:
            raise DeviceTrouble(f"charger {self.name} has not said yet how its connector {number} is")
        return reading

    # -- what it is told

    async def set_power(self, number: int, power_w: int, until: datetime) -> None:
        """Raises DeviceTrouble."""
        self._holds[number] = HeldLimit(power_w, until)
        if (site := self._sites.get(number)) is not None:
            connector = self.connectors[number]
            site.expire(datetime.now(UTC))
            site.want((self.name, number), Want(power_w, connector.least_w, until))
            await site.make_room((self.name, number))
        await self._follow(number)
        self._untold.discard(number)
        if site is not None:
            site.fill((self.name, number))

    async def release(self, number: int) -> None:
        """Raises DeviceTrouble."""
        self._holds.pop(number, None)
        self._untold.discard(number)
        self.connectors[number].obedience.tell(None, time.monotonic())
        if (site := self._sites.get(number)) is not None:
            site.want((self.name, number), None)
            await site.make_room((self.name, number))
        await self._standing().clear(number)
        if site is not None:
            site.fill((self.name, number))

    async def _follow(self, number: int) -> None:
        hold, connector, site = self._holds.get(number), self.connectors[number], self._sites.get(number)
        if hold is None:
            return
        now, follows, place = datetime.now(UTC), connector.follows, (self.name, number)
        now_s = time.monotonic()
        power_w, until = hold.power_w, hold.until
        if site is not None:
            site.expire(now)
            power_w, until = site.grant(place) if until > now else (0, until)
        limit = limit_of(power_w, connector.options, connector.phases, now, until, follows=follows)
        if limit is None:
            del self._holds[number]  # over: the charger has dropped it by itself
            connector.obedience.tell(None, time.monotonic())
            return
        standing = self._standing()
        if site is not None:
            site.tells(place, power_w, until)
        await standing.limit(number, limit.by_clock(self._clock.behind_s))
        connector.obedience.tell(power_w, time.monotonic(), now_s + (until - now).total_seconds())
        if site is not None:
            site.told(place, power_w, until)

    def _standing(self) -> ChargerSession:
        if self._session is None:
            because = self.why_away()
            raise DeviceTrouble(f"charger {self.name} is not connected" + (f": {because}" if because else ""))
        return self._session
