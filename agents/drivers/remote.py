"""One real device between a party and its driver: what the party orders is commanded in time and again, what the
device tells is handed on where it is news, what hangs or fails is a fault of the device and never the party's.

Spans are those of the party's clock, but those in which a driver has to answer.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, TypeVar

import structlog

from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.news import News
from agents.drivers.orders import Limiter, Orders, PowerOrder
from agents.drivers.register import Parts, Register
from agents.drivers.thread import DriverThread
from broker.clock import Clock
from protocol.actor import Measure, Measured
from protocol.remembered import StateForm

T = TypeVar("T")
Give: TypeAlias = Callable[[Measured], Awaitable[None]]
"""Hands a reading to the party."""

ANSWER_WITHIN_S = 10.0
"""A driver that has not answered after so long is left alone, s of real time."""
LEAVE_WITHIN_S = 3.0
"""So long a stop waits for a device to be released, s of real time."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LEAST_PAUSE_S = 0.02
STATES_APART_S = 1.0
MOST_OWED = 100

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
        self.orders = Orders()
        self.abilities = thread.driver.abilities(resource_id)
        self.held_w: int | None = None
        """What it was last commanded and has taken, W; None: it is its own."""
        self._thread, self._meter = thread, meter or thread
        self._silent_after = timedelta(seconds=self.abilities.silent_after_s)
        self._news = News(resource_id, capacity_wh)
        self._register, self._parts = Register(self._silent_after), Parts(self._silent_after)
        self._limiter = Limiter(self.abilities)
        self._clock: Clock | None = None
        self._begun_at: datetime | None = None
        self._heard_at: datetime | None = None
        """Of when its newest state is."""
        self._trouble = ""
        """What the driver last complained of."""
        self._step_wh: int | None = None
        """In which its register counts, where that is more than a Wh."""
        self._disobeys_since: datetime | None = None
        self._newest: Measured | None = None
        """What is to be told of its state."""
        self._answers: deque[Measured] = deque()
        """What is to be told of slots."""
        self._owed: deque[Measure] = deque(maxlen=MOST_OWED)
        """Slots of which nothing could be told in time: the register may be read again."""
        self._inexact: deque[tuple[Measure, int | None]] = deque(maxlen=MOST_OWED)
        """Slots of which nothing was told, or a replacement value (Wh): a meter may have kept what it showed."""
        self._some, self._ordered, self._heard = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._asked: asyncio.Queue[Measure] = asyncio.Queue()

    # -- what the party wants; none of it waits

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        """Signed W, + = import, from `at` until `until`; None returns to the own schedule at `at`."""
        self.orders.set(power_w, at, until)
        self._ordered.set()

    def measure(self, asked: Measure) -> None:
        """What flowed in a slot; the answer is a `Measured`, without an energy where the device does not tell it."""
        self._asked.put_nowait(asked)

    def tell_again(self) -> None:
        """A fresh actor knows nothing yet."""
        self._news.forget()

    def memory(self) -> str:
        """What a next life has to know, as JSON."""
        return REMOTE.dump(RemoteState(self.orders.all)).decode()

    def remember(self, memory: str) -> None:
        """Raises UnknownState."""
        self.orders = Orders(REMOTE.load(memory.encode()).orders)

    def status(self) -> dict[str, object]:
        """For `gridpact status`."""
        return {
            "driver": self.driver_name,
            "heard_at": self._heard_at,
            "held_w": self.held_w,
            "fault": self._news.fault,
            "trouble": self._trouble,
            "register_step_wh": self._step_wh,
        }

    # -- running

    async def run(self, clock: Clock, give: Give) -> None:
        """Until cancelled; then the device is released."""
        self._clock, self._begun_at = clock, clock.now()
        self._thread.join(self.resource_id, self._hear)
        if self._meter is not self._thread:
            self._meter.join(self.resource_id, self._hear_meter)
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._command_on(), self._look_on(), self._answer_on(), self._give_on(give)):
                    tasks.create_task(work)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        if self.held_w is not None:
            try:
                async with asyncio.timeout(LEAVE_WITHIN_S):
                    await self._call(self._thread, lambda: self._thread.driver.release(self.resource_id))
                self.held_w = None
            except (DeviceTrouble, TimeoutError) as error:
                text = self._trouble if isinstance(error, TimeoutError) else str(error)
                log.warning("device_not_released", device=self.resource_id, error=text)
        await self._thread.leave(self.resource_id)
        if self._meter is not self._thread:
            await self._meter.leave(self.resource_id)

    async def _call(self, thread: DriverThread, make: Callable[[], Any]) -> Any:
        """An answer of a driver. Raises DeviceTrouble, whatever went wrong there."""
        try:
            return await thread.answer(make, ANSWER_WITHIN_S)
        except TimeoutError:
            raise DeviceTrouble(f"the driver has not answered within {ANSWER_WITHIN_S:.0f} s") from None

    @property
    def _now(self) -> datetime:
        assert self._clock is not None
        return self._clock.now()

    def _real_s(self, seconds: float) -> float:
        """A span of the party's clock in s of real time."""
        assert self._clock is not None
        return max(LEAST_PAUSE_S, seconds / self._clock.speed)

    # -- commands

    async def _command_on(self) -> None:
        done: PowerOrder | Literal["unknown"] | None = "unknown"
        done_at, failures = 0.0, 0
        loop = asyncio.get_running_loop()
        while True:
            self._ordered.clear()
            now, lead = self._now, self._lead()
            due = self.orders.due(now, lead)
            if due != done or (due is not None and self._repeat_in_s(loop.time() - done_at) <= 0):
                try:
                    wait_s = await self._obey(due)
                except DeviceTrouble as error:
                    failures += 1
                    self._failed(str(error), due)
                    wait_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures)
                else:
                    if wait_s is None:
                        done, done_at, failures, self._disobeys_since = due, loop.time(), 0, None
                        continue
            else:
                wait_s = self._idle_s(due, now, lead, loop.time() - done_at)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._ordered.wait()

    def _lead(self) -> timedelta:
        starting_s = 0.0 if self._limiter.is_on else self.abilities.start_up_s
        return timedelta(seconds=self.abilities.latency_s + starting_s)

    def _repeat_in_s(self, passed_s: float) -> float:
        """When a set-point is to be repeated, lest the device drops it, s of real time."""
        falls_back_s = self.abilities.falls_back_s
        return float("inf") if falls_back_s is None else falls_back_s / 3 - passed_s

    def _idle_s(self, due: PowerOrder | None, now: datetime, lead: timedelta, passed_s: float) -> float | None:
        edge = self.orders.next_edge(now, lead)
        waits = [] if edge is None else [self._real_s((edge - now).total_seconds())]
        if due is not None and (repeat_s := self._repeat_in_s(passed_s)) < float("inf"):
            waits.append(max(LEAST_PAUSE_S, repeat_s))
        return min(waits, default=None)

    async def _obey(self, due: PowerOrder | None) -> float | None:
        """Command what is due; None when it was taken, else how long it has to wait. Raises DeviceTrouble."""
        now, driver, name = self._now, self._thread.driver, self.resource_id
        if due is None:
            await self._call(self._thread, lambda: driver.release(name))
            self._limiter.commanded(None, now)
            self.held_w = None
            return None
        power_w = self._limiter.followed(due.power_w)
        if (allowed_at := self._limiter.allowed_at(power_w, now)) > now:
            return self._real_s((allowed_at - now).total_seconds())
        left_s = self._real_s((due.until - now).total_seconds())
        until = datetime.now(UTC) + timedelta(seconds=left_s)
        self.held_w = power_w  # also when it does not answer: it may have taken it
        await self._call(self._thread, lambda: driver.set_power(name, power_w, until))
        self._limiter.commanded(power_w, now)
        return None

    def _failed(self, text: str, due: PowerOrder | None) -> None:
        if text != self._trouble:
            log.warning("device_trouble", device=self.resource_id, driver=self.driver_name, error=text)
        self._trouble = text
        if due is None:
            return
        now = self._now
        self._disobeys_since = self._disobeys_since or now
        if now - self._disobeys_since >= self._silent_after:
            self._tell(self._news.faulty("does not take its set-point", text, now))

    # -- what it tells

    async def _look_on(self) -> None:
        """Ask for its state, and notice when nothing comes."""
        poll_s = self.abilities.poll_s
        pause_s = self.abilities.silent_after_s / 4 if poll_s is None else poll_s
        while True:
            await self._read()
            self._mind_silence()
            await asyncio.sleep(self._real_s(pause_s))

    async def _read(self) -> None:
        await self._read_at(self._thread, self._hear)
        if self._meter is not self._thread:
            await self._read_at(self._meter, self._hear_meter)

    async def _read_at(self, thread: DriverThread, hear: Callable[[DeviceReading], None]) -> None:
        try:
            hear(await self._call(thread, lambda: thread.driver.read(self.resource_id)))
        except DeviceTrouble as error:
            self._trouble = str(error)
            self._mind_silence()

    def _mind_silence(self) -> None:
        now, heard_at = self._now, self._heard_at or self._begun_at
        assert heard_at is not None
        if now - heard_at > self._silent_after:
            self._tell(self._news.faulty("silent", self._trouble, now))

    def _hear(self, state: DeviceReading) -> None:
        at = self._measured_at(state)
        if self._meter is self._thread:
            self._note(at, state)  # what it kept while it was away is old, and fills the gap all the same
        if (self._heard_at is not None and at <= self._heard_at) or self._now - at > self._silent_after:
            return
        self._heard_at, self._trouble = at, state.fault
        self._limiter.least_w = self.abilities.least_w if state.least_w is None else state.least_w
        if self._disobeys_since is None or self._now - self._disobeys_since < self._silent_after:
            self._tell(self._news.of(state, at))

    def _hear_meter(self, state: DeviceReading) -> None:
        self._note(self._measured_at(state), state)

    def _note(self, at: datetime, state: DeviceReading) -> None:
        age_s = state.age_s if state.register_age_s is None else state.register_age_s
        oldest_at = self._instant(age_s)
        if state.register_wh is not None and self._parts.are_known(at, oldest_at):
            self._register.note(at, state.register_wh)
            step_wh = math.ceil(state.register_step_wh or 0)
            self._step_wh = step_wh if step_wh > 1 else None
            self._fill(state)
            self._answer_late()
            self._answer_better()
        self._heard.set()

    def _measured_at(self, state: DeviceReading) -> datetime:
        return self._instant(state.age_s)

    def _instant(self, age_s: float) -> datetime:
        """Of what is so old in real time."""
        assert self._clock is not None
        return self._now - timedelta(seconds=age_s * self._clock.speed)

    def _tell(self, news: Measured | None) -> None:
        if news is not None:
            self._newest = news
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
                await asyncio.sleep(self._real_s(STATES_APART_S))

    # -- what flowed

    async def _answer_on(self) -> None:
        while True:
            asked = await self._asked.get()
            if not await self._is_read_behind(asked):
                self._owed.append(asked)
            self._answer(asked)

    def _answer(self, asked: Measure) -> None:
        """Tell what has flowed. No state: that was told with the instant of which it is."""
        energy_wh, estimated = self._register.energy_wh(asked.from_at, asked.until), None
        self._inexact = deque((one for one in self._inexact if one[0] != asked), MOST_OWED)
        if energy_wh is None:
            energy_wh = self._register.estimated_wh(asked.from_at, asked.until)
            estimated = None if energy_wh is None else True
            self._inexact.append((asked, energy_wh))
        step_wh = None if energy_wh is None else self._step_wh
        answer = Measured(self.resource_id, asked.until, None, energy_wh, asked.event_id, asked.slot)
        self._answers.append(replace(answer, step_wh=step_wh, estimated=estimated))
        self._some.set()

    def _answer_late(self) -> None:
        """The register is read again behind slots of which nothing could be told."""
        while self._owed and self._is_read(self._owed[0].until):
            asked = self._owed.popleft()
            if self._register.estimated_wh(asked.from_at, asked.until) is not None:
                self._answer(asked)

    def _fill(self, state: DeviceReading) -> None:
        """Only where the party's time is that of the world: a meter keeps its values by no other."""
        if state.kept and self._clock is not None and self._clock.follows:
            for at, wh in state.kept:
                self._register.fill(at, wh)

    def _answer_better(self) -> None:
        """What was not known, or replaced, is known by what the meter has kept, or replaced by what lies nearer."""
        for asked, told_wh in tuple(self._inexact):
            span = asked.from_at, asked.until
            if self._register.energy_wh(*span) is not None or self._register.estimated_wh(*span) not in (None, told_wh):
                self._answer(asked)

    def _is_read(self, at: datetime) -> bool:
        return self._register.read_at is not None and self._register.read_at >= at

    async def _is_read_behind(self, asked: Measure) -> bool:
        """Waits for a reading behind the slot's end, as long as the device may be silent."""
        give_up_at = max(self._now, asked.until) + self._silent_after
        await self._read()
        while not self._is_read(asked.until):
            left = give_up_at - self._now
            if left <= timedelta(0):
                return False
            self._heard.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._real_s(left.total_seconds())):
                    await self._heard.wait()
        return True
