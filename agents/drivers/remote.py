"""One real device between a party and its driver: what the party orders is commanded in time and again, what the
device tells is handed on where it is news, what hangs or fails is a fault of the device and never the party's.

Spans are those of the party's clock, but those in which a driver has to answer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import structlog

from agents.drivers.commanding import Commanding
from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.news import News
from agents.drivers.orders import Orders, PowerOrder
from agents.drivers.party_time import PartyTime
from agents.drivers.slot_meter import SlotMeter
from agents.drivers.thread import DriverThread
from broker.clock import Clock
from protocol.actor import Measure, Measured
from protocol.remembered import StateForm

Give: TypeAlias = Callable[[Measured], Awaitable[None]]
"""Hands a reading to the party."""

STATES_APART_S = 1.0

log = structlog.get_logger("gridpact.drivers")


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What is remembered of a real device: its orders. All else it knows by itself."""

    orders: tuple[PowerOrder, ...]
    device: Literal["remote"] = "remote"
    version: Literal[1] = 1


REMOTE = StateForm(RemoteState)


class RemoteDevice:
    """One device at a driver. Before `run` it only takes orders: those of an earlier life that still hold."""

    def __init__(
        self,
        resource_id: str,
        thread: DriverThread,
        *,
        capacity_wh: int | None = None,
        meter: DriverThread | None = None,
    ) -> None:
        """`capacity_wh`: of its store, for one that tells a share only. `meter`: the driver that reads its register, under
        the device's name, where it is not its own."""
        self.resource_id, self.driver_name = resource_id, thread.name
        self.abilities = thread.driver.abilities(resource_id)
        self._thread, self._meter = thread, meter or thread
        self._silent_after = timedelta(seconds=self.abilities.silent_after_s)
        self._time = PartyTime()
        self._commanding = Commanding(resource_id, thread, self.abilities, self._time, self._failed)
        self._slots = SlotMeter(resource_id, self._silent_after, self._time, self._read, self._tell_slot)
        self._news = News(resource_id, capacity_wh)
        self._begun_at: datetime | None = None
        self._heard_at: datetime | None = None
        """Of when its newest state is."""
        self._trouble = ""
        """What the driver last complained of."""
        self._newest: Measured | None = None
        """What is to be told of its state."""
        self._answers: deque[Measured] = deque()
        """What is to be told of slots."""
        self._some = asyncio.Event()

    # -- what the party wants; none of it waits

    @property
    def orders(self) -> Orders:
        return self._commanding.orders

    @property
    def held_w(self) -> int | None:
        """What it was last commanded and has taken, W; None: it is its own."""
        return self._commanding.held_w

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        """Signed W, + = import, from `at` until `until`; None returns to the own schedule at `at`."""
        self._commanding.set_power(power_w, at, until)

    def measure(self, asked: Measure) -> None:
        """What flowed in a slot; the answer is a `Measured`, without an energy where the device does not tell it."""
        self._slots.ask(asked)

    def tell_again(self) -> None:
        """A fresh actor knows nothing yet."""
        self._news.forget()

    def memory(self) -> str:
        """What a next life has to know, as JSON."""
        return REMOTE.dump(RemoteState(self.orders.all)).decode()

    def remember(self, memory: str) -> None:
        """Raises UnknownState."""
        self._commanding.orders = Orders(REMOTE.load(memory.encode()).orders)

    def status(self) -> dict[str, object]:
        """For `gridpact status`."""
        return {
            "driver": self.driver_name,
            "heard_at": self._heard_at,
            "held_w": self.held_w,
            "fault": self._news.fault,
            "trouble": self._trouble,
            "register_step_wh": self._slots.step_wh,
        }

    # -- running

    async def run(self, clock: Clock, give: Give) -> None:
        """Until cancelled; then the device is released."""
        self._time.clock, self._begun_at = clock, clock.now()
        self._thread.join(self.resource_id, self._hear)
        if self._meter is not self._thread:
            self._meter.join(self.resource_id, self._hear_meter)
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._commanding.run(), self._look_on(), self._slots.run(), self._give_on(give)):
                    tasks.create_task(work)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        try:
            await self._commanding.release()
        except (DeviceTrouble, TimeoutError) as error:
            text = self._trouble if isinstance(error, TimeoutError) else str(error)
            log.warning("device_not_released", device=self.resource_id, error=text)
        await self._thread.leave(self.resource_id)
        if self._meter is not self._thread:
            await self._meter.leave(self.resource_id)

    def _failed(self, text: str, fault_at: datetime | None) -> None:
        if text != self._trouble:
            log.warning("device_trouble", device=self.resource_id, driver=self.driver_name, error=text)
        self._trouble = text
        if fault_at is not None:
            self._tell(self._news.faulty("does not take its set-point", text, fault_at))

    # -- what it tells

    async def _look_on(self) -> None:
        """Ask for its state, and notice when nothing comes."""
        poll_s = self.abilities.poll_s
        pause_s = self.abilities.silent_after_s / 4 if poll_s is None else poll_s
        while True:
            await self._read()
            self._mind_silence()
            await asyncio.sleep(self._time.real_s(pause_s))

    async def _read(self) -> None:
        await self._read_at(self._thread, self._hear)
        if self._meter is not self._thread:
            await self._read_at(self._meter, self._hear_meter)

    async def _read_at(self, thread: DriverThread, hear: Callable[[DeviceReading], None]) -> None:
        try:
            hear(await thread.usual_answer(lambda: thread.driver.read(self.resource_id)))
        except DeviceTrouble as error:
            self._trouble = str(error)
            self._mind_silence()

    def _mind_silence(self) -> None:
        now, heard_at = self._time.now, self._heard_at or self._begun_at
        assert heard_at is not None
        if now - heard_at > self._silent_after:
            self._tell(self._news.faulty("silent", self._trouble, now))

    def _hear(self, state: DeviceReading) -> None:
        at = self._time.ago(state.age_s)
        if self._meter is self._thread:
            self._slots.note(at, state)  # what it kept while it was away is old, and fills the gap all the same
        if (self._heard_at is not None and at <= self._heard_at) or self._time.now - at > self._silent_after:
            return
        self._heard_at, self._trouble = at, state.fault
        self._commanding.limiter.least_w = self.abilities.least_w if state.least_w is None else state.least_w
        if not self._commanding.disobeys(self._time.now):
            self._tell(self._news.of(state, at))

    def _hear_meter(self, state: DeviceReading) -> None:
        self._slots.note(self._time.ago(state.age_s), state)

    def _tell(self, news: Measured | None) -> None:
        if news is not None:
            self._newest = news
            self._some.set()

    def _tell_slot(self, answer: Measured) -> None:
        self._answers.append(answer)
        self._some.set()

    async def _give_on(self, give: Give) -> None:
        """Answers at once; of states the newest, and no more than one a second: a device that flickers fills no journal."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._answers:
                await give(self._answers.popleft())
            state, self._newest = self._newest, None
            if state is not None:
                await give(state)
                await asyncio.sleep(self._time.real_s(STATES_APART_S))
