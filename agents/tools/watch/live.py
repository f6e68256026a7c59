"""Listens to a broker and keeps a show going. Read-only: the connection asks for its own next certificate, where its ends
soon, and publishes nothing else."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from agents.runtime.credentials import run_renewed
from agents.runtime.signals import signals
from agents.tools.watch.keys import key
from agents.tools.watch.picture import Picture
from agents.tools.watch.rates import SECONDS, Rates
from agents.tools.watch.received import WatchChange, WatchedProgress, WatchedWire
from agents.tools.watch.shows import Show
from agents.tools.watch.surroundings import Surroundings
from agents.tools.watch.wire_clock import WireClock
from broker.bus import Arrival
from broker.mqtt import Address
from broker.tap import reached, tap
from protocol import messages as m

TICK_S = 0.25


class Watch:
    """A picture of what a broker carries."""

    def __init__(self, address: Address, picture: Picture, speed: float | None = None) -> None:
        """`speed`: how much faster than real time the system runs; estimated when it is not given."""
        self.picture, self.clock, self.rates = picture, WireClock(speed), Rates()
        self._address = address
        self._first, self._connected = asyncio.Event(), False
        self._lost_s = 0.0
        """When the connection was lost, in monotonic seconds: a clock that is not heard does not go on."""
        self._bus = tap(address, "watch", self._on_connected)
        self._show: Show | None = None

    async def run(self, show: Show, seconds: float | None = None) -> Surroundings:
        """Until q or Ctrl-C is pressed, for so many seconds, or until cancelled; how things are then. Raises BrokerFailed."""
        self._show = show
        listening = asyncio.create_task(run_renewed(self._bus, self._deliver))
        try:
            unreached = f"no broker answers at {self._address.where}: check --port ('gridpact up' prints its own)"
            await reached(listening, self._first, self._bus, unreached)
            stop = asyncio.Event()
            with key("q", stop.set), signals(stop.set), show:
                ticking = asyncio.create_task(self._tick(show))
                stopping = asyncio.create_task(stop.wait())
                done, pending = await asyncio.wait(
                    (listening, ticking, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
                for task in pending - {listening}:
                    task.cancel()
                for task in done:
                    task.result()
                if done <= {stopping}:
                    show.tick(self.surroundings())
        finally:
            listening.cancel()
            await asyncio.wait((listening,))
        return self.surroundings()

    async def _tick(self, show: Show) -> None:
        while True:
            show.tick(self.surroundings())
            await asyncio.sleep(TICK_S)

    def surroundings(self) -> Surroundings:
        """What is drawn beside the picture."""
        real_s = time.monotonic()
        now = self.clock.now(datetime.now(UTC), real_s if self._connected else self._lost_s)
        where = self._address.where
        rates = self.rates.recent(real_s, SECONDS)
        return Surroundings(where, self._connected, now, self.clock.speed, self.clock.scaled, self.rates.total, rates)

    def _on_connected(self, connected: bool) -> None:
        if self._connected and not connected:
            self._lost_s = time.monotonic()
        self._connected = connected
        if connected:
            self._first.set()

    async def _deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            self._hear(arrival)

    def _hear(self, arrival: Arrival) -> None:
        arrival.acknowledge()
        wall_at, real_s = datetime.now(UTC), time.monotonic()
        self.rates.hear(real_s)
        now = self.clock.now(wall_at, real_s)
        received = self.picture.read(arrival.topic, arrival.payload, now, arrival.retained)
        change: WatchChange | None
        if isinstance(received, WatchedWire | WatchedProgress):
            self._set_clock(received, wall_at, real_s)
            change = self.picture.note(received, self.clock.now(wall_at, real_s))
        else:
            change = received
        if change is not None and self._show is not None:
            self._show.changed(change)

    def _set_clock(self, received: WatchedWire | WatchedProgress, wall_at: datetime, real_s: float) -> None:
        message = received.message
        if isinstance(received, WatchedProgress):
            if received.standing:
                self.clock.hear_standing(message.sent_at, received.message.valid_until, wall_at, real_s)
            else:
                self.clock.hear(message.sent_at, wall_at, real_s)
        elif received.standing and isinstance(message, m.Request):
            ends_at = message.interval_period.slot_start(len(message.power_w))
            self.clock.hear_standing(message.sent_at, ends_at, wall_at, real_s)
        elif not received.standing and self.picture.is_parent(received):
            self.clock.hear(message.sent_at, wall_at, real_s)
