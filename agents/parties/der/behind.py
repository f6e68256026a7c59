"""What devices take back of an event by themselves, while other events hold some of their home: its connection point holds
there, too."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import chain

from agents.devices.contract import Ask, Device, Flexibility, Segment
from agents.parties.der.connection import Asks, ranges_w
from agents.settings.connection import ConnectionPoint
from protocol.messages import IntervalPeriod
from protocol.plan import zero
from protocol.units import SLOT

LOOKED_AHEAD = timedelta(hours=12)
"""So long behind an event's end what other events hold may begin: what was taken back is over by then."""
ROUNDED_W = 2


class Behind:
    """One event at a home whose other events hold something."""

    def __init__(
        self,
        point: ConnectionPoint,
        devices: Sequence[Device],
        ask: Asks,
        part: Callable[[Device, Ask], Flexibility],
        slots: int,
    ) -> None:
        """`part`: what a device answers, with the troubles of the moment."""
        self.point, self.devices, self.part = point, devices, part
        asks = [ask(device, zero(slots)) for device in devices]
        self.ask, self.direction, start = ask, asks[0].direction, asks[0].period.start
        ahead = asks[0].period.slot_start(slots) + LOOKED_AHEAD
        self.held = [one.reserved for one in asks]
        until = max((s.end for s in chain(*self.held) if start < s.end and s.start < ahead), default=start)
        self.period = IntervalPeriod(start=start, duration=SLOT)
        self.slots = -(-(until - start) // SLOT)
        self._without_w = self._beyond_w(self.held) if self.slots else []

    def fits(self, parts: Mapping[str, Flexibility]) -> bool:
        """Whether no more flows than may, or than would without the event, wherever other events hold anything."""
        if not self.slots:
            return True
        courses = []
        for device, held in zip(self.devices, self.held, strict=True):
            part = parts[device.resource_id]
            one = self.ask(device, part.power_w)
            courses.append((*held, *device.lay_out(one, part.schedule_w, part.power_w)))
        beyond = zip(self._beyond_w(courses), self._without_w, strict=True)
        return all(with_w <= without_w + ROUNDED_W for with_w, without_w in beyond)

    def _beyond_w(self, courses: Sequence[Sequence[Segment]]) -> list[int]:
        """By how much a limit may be passed in each slot in which other events hold anything, W."""
        asks = [Ask(self.direction, self.period, zero(self.slots), tuple(course)) for course in courses]
        schedules_w = [self.part(device, ask).schedule_w for device, ask in zip(self.devices, asks, strict=True)]
        found = []
        for slot, devices in enumerate(ranges_w(self.devices, asks, schedules_w)):
            start, end = self.period.slot_start(slot), self.period.slot_start(slot + 1)
            base_w = self.point.base_range_w(start, end)
            low_w, high_w = (base_w[side] + sum(one[side] for one in devices) for side in (0, 1))
            held = any(s.start < end and s.end > start for s in chain(*self.held))
            found.append(max(0, high_w - self.point.import_limit_w, -low_w - self.point.export_limit_w) if held else 0)
        return found
