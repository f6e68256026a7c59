"""What flowed in the slots that a party asks about, by the readings of the device's register."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from agents.drivers.contract import DeviceReading
from agents.drivers.party_time import PartyTime
from agents.drivers.register import Parts, Register
from protocol.actor import Measure, Measured

MOST_OWED = 100


class SlotMeter:
    """The register of one device, and the slots that are asked about."""

    def __init__(
        self,
        resource_id: str,
        silent_after: timedelta,
        time: PartyTime,
        read: Callable[[], Awaitable[None]],
        tell: Callable[[Measured], None],
    ) -> None:
        """`read` asks the device for a reading, which `note` hears; `tell` hears the answers."""
        self.register = Register(silent_after)
        self.step_wh: int | None = None
        """In which the register counts, where that is more than a Wh."""
        self._resource_id, self._silent_after, self._time = resource_id, silent_after, time
        self._read, self._tell = read, tell
        self._parts = Parts(silent_after)
        self._owed: deque[Measure] = deque(maxlen=MOST_OWED)
        """Slots of which nothing could be told in time: the register may be read again."""
        self._inexact: deque[tuple[Measure, int | None]] = deque(maxlen=MOST_OWED)
        """Slots of which nothing was told, or a replacement value (Wh): a meter may have kept what it showed."""
        self._asked: asyncio.Queue[Measure] = asyncio.Queue()
        self._heard = asyncio.Event()

    def ask(self, asked: Measure) -> None:
        """What flowed in a slot; the answer is a `Measured`, without an energy where the device does not tell it."""
        self._asked.put_nowait(asked)

    def note(self, at: datetime, state: DeviceReading) -> None:
        """What the register shows at an instant, and has kept of earlier ones."""
        age_s = state.age_s if state.register_age_s is None else state.register_age_s
        oldest_at = self._time.ago(age_s)
        if state.register_wh is not None and self._parts.are_known(at, oldest_at):
            self.register.note(at, state.register_wh)
            step_wh = math.ceil(state.register_step_wh or 0)
            self.step_wh = step_wh if step_wh > 1 else None
            self._fill(state)
            self._answer_late()
            self._answer_better()
        self._heard.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            asked = await self._asked.get()
            if not await self._is_read_behind(asked):
                self._owed.append(asked)
            self._answer(asked)

    def _answer(self, asked: Measure) -> None:
        """Tell what has flowed. No state: that was told with the instant of which it is."""
        energy_wh, estimated = self.register.energy_wh(asked.from_at, asked.until), None
        self._inexact = deque((one for one in self._inexact if one[0] != asked), MOST_OWED)
        if energy_wh is None:
            energy_wh = self.register.estimated_wh(asked.from_at, asked.until)
            estimated = None if energy_wh is None else True
            self._inexact.append((asked, energy_wh))
        step_wh = None if energy_wh is None else self.step_wh
        answer = Measured(self._resource_id, asked.until, None, energy_wh, asked.event_id, asked.slot)
        self._tell(replace(answer, step_wh=step_wh, estimated=estimated))

    def _answer_late(self) -> None:
        """The register is read again behind slots of which nothing could be told."""
        while self._owed and self._is_read(self._owed[0].until):
            asked = self._owed.popleft()
            if self.register.estimated_wh(asked.from_at, asked.until) is not None:
                self._answer(asked)

    def _fill(self, state: DeviceReading) -> None:
        """Only where the party's time is that of the world: a meter keeps its values by no other."""
        if state.kept and self._time.is_the_worlds:
            for at, wh in state.kept:
                self.register.fill(at, wh)

    def _answer_better(self) -> None:
        """What was not known, or replaced, is known by what the meter has kept, or replaced by what lies nearer."""
        for asked, told_wh in tuple(self._inexact):
            span = asked.from_at, asked.until
            if self.register.energy_wh(*span) is not None or self.register.estimated_wh(*span) not in (None, told_wh):
                self._answer(asked)

    def _is_read(self, at: datetime) -> bool:
        return self.register.read_at is not None and self.register.read_at >= at

    async def _is_read_behind(self, asked: Measure) -> bool:
        """Waits for a reading behind the slot's end, as long as the device may be silent."""
        give_up_at = max(self._time.now, asked.until) + self._silent_after
        await self._read()
        while not self._is_read(asked.until):
            left = give_up_at - self._time.now
            if left <= timedelta(0):
                return False
            self._heard.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._time.real_s(left.total_seconds())):
                    await self._heard.wait()
        return True
