"""A device is kept to its party's orders: what is due is commanded in time and again, and it is released at the end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Literal

from agents.drivers.contract import Abilities, DeviceTrouble
from agents.drivers.orders import Limiter, Orders, PowerOrder
from agents.drivers.party_time import LEAST_PAUSE_S, PartyTime
from agents.drivers.thread import DriverThread

LEAVE_WITHIN_S = 3.0
"""So long a stop waits for a device to be released, s of real time."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class Commanding:
    """The orders of one device, and what it has taken of them."""

    def __init__(
        self,
        resource_id: str,
        thread: DriverThread,
        abilities: Abilities,
        time: PartyTime,
        failed: Callable[[str, datetime | None], None],
    ) -> None:
        """`failed` hears what the driver complains of, and at which instant that is a fault of the device: when it has not
        taken its set-point for as long as a silence may last; else None."""
        self.orders, self.limiter = Orders(), Limiter(abilities)
        self.held_w: int | None = None
        """What it was last commanded and has taken, W; None: it is its own."""
        self._resource_id, self._thread, self._abilities = resource_id, thread, abilities
        self._time, self._failed = time, failed
        self._silent_after = timedelta(seconds=abilities.silent_after_s)
        self._disobeys_since: datetime | None = None
        self._ordered = asyncio.Event()

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        """Signed W, + = import, from `at` until `until`; None returns to the own schedule at `at`."""
        self.orders.set(power_w, at, until)
        self._ordered.set()

    def disobeys(self, now: datetime) -> bool:
        """Whether it has not taken its set-point for so long that this is a fault."""
        return self._disobeys_since is not None and now - self._disobeys_since >= self._silent_after

    async def run(self) -> None:
        """Until cancelled."""
        done: PowerOrder | Literal["unknown"] | None = "unknown"
        done_at, failures = 0.0, 0
        loop = asyncio.get_running_loop()
        while True:
            self._ordered.clear()
            now, lead = self._time.now, self._lead()
            due = self.orders.due(now, lead)
            if due != done or (due is not None and self._repeat_in_s(loop.time() - done_at) <= 0):
                try:
                    wait_s = await self._obey(due)
                except DeviceTrouble as error:
                    failures += 1
                    self._fail(str(error), due)
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

    async def release(self) -> None:
        """Give it back where it is held. Raises DeviceTrouble; TimeoutError where its driver takes too long."""
        if self.held_w is None:
            return
        async with asyncio.timeout(LEAVE_WITHIN_S):
            await self._thread.usual_answer(lambda: self._thread.driver.release(self._resource_id))
        self.held_w = None

    def _lead(self) -> timedelta:
        starting_s = 0.0 if self.limiter.is_on else self._abilities.start_up_s
        return timedelta(seconds=self._abilities.latency_s + starting_s)

    def _repeat_in_s(self, passed_s: float) -> float:
        """When a set-point is to be repeated, lest the device drops it, s of real time."""
        falls_back_s = self._abilities.falls_back_s
        return float("inf") if falls_back_s is None else falls_back_s / 3 - passed_s

    def _idle_s(self, due: PowerOrder | None, now: datetime, lead: timedelta, passed_s: float) -> float | None:
        edge = self.orders.next_edge(now, lead)
        waits = [] if edge is None else [self._time.real_s((edge - now).total_seconds())]
        if due is not None and (repeat_s := self._repeat_in_s(passed_s)) < float("inf"):
            waits.append(max(LEAST_PAUSE_S, repeat_s))
        return min(waits, default=None)

    async def _obey(self, due: PowerOrder | None) -> float | None:
        """Command what is due; None when it was taken, else how long it has to wait. Raises DeviceTrouble."""
        now, driver, name = self._time.now, self._thread.driver, self._resource_id
        if due is None:
            await self._thread.usual_answer(lambda: driver.release(name))
            self.limiter.commanded(None, now)
            self.held_w = None
            return None
        power_w = self.limiter.followed(due.power_w)
        if (allowed_at := self.limiter.allowed_at(power_w, now)) > now:
            return self._time.real_s((allowed_at - now).total_seconds())
        left_s = self._time.real_s((due.until - now).total_seconds())
        until = datetime.now(UTC) + timedelta(seconds=left_s)
        self.held_w = power_w  # also when it does not answer: it may have taken it
        await self._thread.usual_answer(lambda: driver.set_power(name, power_w, until))
        self.limiter.commanded(power_w, now)
        return None

    def _fail(self, text: str, due: PowerOrder | None) -> None:
        now = self._time.now
        if due is not None:
            self._disobeys_since = self._disobeys_since or now
        self._failed(text, now if due is not None and self.disobeys(now) else None)
