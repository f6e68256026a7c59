"""A trial on a real broker, by the clock on the wall."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from agents.settings.checked import ConfigError
from agents.tools.conform.bench import Overheard
from agents.tools.conform.broker import LOOKS, WATCH, TrialBroker
from agents.tools.conform.maker import DeviceProgram
from broker.address import Address
from broker.bus import Arrival, Post
from broker.mosquitto import BrokerFailed
from broker.mqtt import MqttBus
from protocol.edges import ROOT, ROUTES, Way

TAKES_S = 15.0
"""How long the broker may take to acknowledge what is said."""
STANDS_S = 0.5
"""What stands at the broker comes so soon behind the subscription."""
OF_DEVICES = tuple(f"{ROOT}/{kind}/" for kind, route in ROUTES.items() if route.way is Way.UP)
"""How topics begin on which devices say something."""


class LiveBench:
    """Made by `live_bench`."""

    def __init__(
        self, broker: TrialBroker, parent: str, topics: Sequence[str], device: DeviceProgram | None, is_open: bool
    ) -> None:
        self._broker, self._device = broker, device
        self._topics = topics
        self._parent = MqttBus(broker.door.parent, parent, (), session_expiry_s=0)
        self._heard: asyncio.Queue[Overheard] = asyncio.Queue()
        self._hears = asyncio.Event()
        self._device_spoke = False
        there = {"open": is_open, "process": device is not None}
        self.has = frozenset(name for name, has in there.items() if has)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def publish(self, topic: str, payload: bytes, retained: bool = False) -> None:
        taken = asyncio.Event()
        await self._parent.publish(Post(topic, payload, retained, sent=taken.set))
        try:
            async with asyncio.timeout(TAKES_S):
                await taken.wait()
        except TimeoutError:
            raise BrokerFailed(f"the broker did not take {topic} within {TAKES_S:.0f} s") from None

    async def next(self, until: datetime) -> Overheard | None:
        if self._heard.empty() and (left_s := (until - self.now()).total_seconds()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    return await self._heard.get()
            except TimeoutError:
                return None
        return None if self._heard.empty() else self._heard.get_nowait()

    async def standing(self) -> list[Overheard]:
        found: list[Overheard] = []
        connected = asyncio.Event()

        async def hear(arrivals: Sequence[Arrival]) -> None:
            for arrival in arrivals:
                arrival.acknowledge()
                if arrival.retained:
                    found.append(_overheard(arrival))

        bus = self._reader(LOOKS, self._broker.door.looks, connected)
        listening = asyncio.create_task(bus.run(hear))
        try:
            async with asyncio.timeout(TAKES_S):
                await connected.wait()
            await asyncio.sleep(STANDS_S)
        except TimeoutError:
            raise BrokerFailed("the broker does not let the trial look at what stands there") from None
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        return found

    async def restart_broker(self) -> None:
        """Return when we hear again: nothing that the device says may be lost on us."""
        self._hears.clear()
        await self._broker.restart()
        await self._until_we_hear()

    async def _until_we_hear(self) -> None:
        try:
            async with asyncio.timeout(TAKES_S):
                await self._hears.wait()
        except TimeoutError:
            raise BrokerFailed("the trial does not reach its own broker") from None

    async def kill_device(self) -> None:
        if self._device is not None:
            await self._device.kill()

    async def start_device(self) -> None:
        if self._device is not None:
            await self._device.start()

    async def revive_device(self) -> None:
        if self._device is not None and self._device.has_ended:
            await self._device.kill()
            if not self._device_spoke:  # nothing can be tried of it
                raise ConfigError(
                    f"{self._device.command[0]}: {self._device.how_it_ended}, before it had said anything"
                )
            await self._device.start()

    def _reader(self, name: str, address: Address, connected: asyncio.Event) -> MqttBus:
        def told(is_there: bool) -> None:
            if is_there:
                connected.set()

        return MqttBus(address, name, (f"{ROOT}/#", *self._topics), on_connected=told, session_expiry_s=0, whole=True)

    async def _hear(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            arrival.acknowledge()
            self._device_spoke = self._device_spoke or arrival.topic.startswith(OF_DEVICES)
            self._heard.put_nowait(_overheard(arrival))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LiveBench"]:
        """Connected. Raises BrokerFailed."""
        tap = self._reader(WATCH, self._broker.door.watch, self._hears)

        async def nothing(arrivals: Sequence[Arrival]) -> None:
            for arrival in arrivals:
                arrival.acknowledge()

        tasks = [asyncio.create_task(tap.run(self._hear)), asyncio.create_task(self._parent.run(nothing))]
        try:
            await self._until_we_hear()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def live_bench(
    broker: TrialBroker, parent: str, topics: Sequence[str], device: DeviceProgram | None, *, is_open: bool
) -> AsyncIterator[LiveBench]:
    """The broker, our connections, and the device if we have its command. Raises BrokerMissing, BrokerFailed, ConfigError."""
    await broker.start()
    try:
        async with LiveBench(broker, parent, topics, device, is_open).running() as bench:
            await bench.start_device()
            try:
                yield bench
            finally:
                await bench.kill_device()
    finally:
        await broker.stop()


def _overheard(arrival: Arrival) -> Overheard:
    return Overheard(datetime.now(UTC), arrival.topic, arrival.payload, arrival.qos, arrival.retained)
