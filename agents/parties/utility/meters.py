"""The smart meters that report to the utility directly (meter 13): their values stand beside what the coordinators report,
and are never added to it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from agents.negotiation.delivery import check_slot
from agents.negotiation.meter_step import told
from agents.negotiation.out import Out
from agents.negotiation.subject import Subject
from protocol import messages as m
from protocol.edges import Edge
from protocol.plan import energy_wh
from protocol.rules import delivered_wh

MOST_ASKED = 4
"""Of a meter so many missing values are asked for at once, the newest of them."""

TIMES_ASKED, LEAST_DOUBTED_WH = 10, 100_000
"""A value of a slot of more than so many times what all are asked for in the largest slot, and of more than that in Wh, cannot
be: a register instead of a slot's energy, say."""

OWN = "/"
"""Between a party and its resource, in the name of a meter that is no home's."""


class SmartMeters:
    """What they tell of one event."""

    def __init__(self, out: Out, subject: Subject, asks: bool) -> None:
        """`asks`: whether values of homes that did not come are asked for."""
        self.out, self.subject, self.asks = out, subject, asks
        self.by_slot: dict[str, dict[int, int]] = {}
        """Delivered Wh per meter and slot, as the smart meters themselves say."""
        self.estimated: dict[str, tuple[int, ...]] = {}
        """Slots of which a meter tells a replacement value."""
        self.steps_wh: dict[str, int] = {}
        """In which meters count that have told it."""
        self.requests: dict[str, tuple[str, int]] = {}
        """The request and its round that a home's meter reports about: of those that can be asked."""

    def take(self, name: str, message: m.Report, now: datetime) -> bool:
        """Store a meter's values, and ask for those of earlier slots that did not come; whether the values of one that is
        asked are others now. Raises RefusedMessage."""
        for reading in message.readings:
            check_slot(reading, self.subject.slots)
        own = message.resource_id != name
        meter = f"{name}{OWN}{message.resource_id}" if own else name
        slots = self.by_slot.setdefault(meter, {})
        known = dict(slots)
        for reading in message.readings:
            slots[reading.slot] = delivered_wh(self.subject.direction, reading.energy_wh, reading.baseline_wh)
        self._note_quality(meter, message)
        if not self.asks or own:
            return False
        self.requests[name] = (message.request_id, message.round)
        newest = max(slots, default=0)
        if newest not in known:
            self._ask(name, newest, now)
        return slots != known

    def _note_quality(self, meter: str, message: m.Report) -> None:
        """How well what a meter tells is known."""
        if step_wh := told(message.extensions):
            self.steps_wh[meter] = step_wh
        estimated = set(self.estimated.pop(meter, ()))
        for reading in message.readings:
            estimated.discard(reading.slot)
            if reading.reading_type is m.ReadingType.ESTIMATED:
                estimated.add(reading.slot)
        if estimated:
            self.estimated[meter] = tuple(sorted(estimated))

    def ask_last(self, last: int, now: datetime) -> None:
        """The last slot is over: ask whoever has not told it."""
        for name in [name for name in self.requests if last not in self.by_slot[name]]:
            self._ask(name, last + 1, now)

    def _ask(self, name: str, before: int, now: datetime) -> None:
        """Ask a home for the values of slots that it has not told."""
        out, subject, (request_id, round_) = self.out, self.subject, self.requests[name]
        missing = [slot for slot in range(before) if slot not in self.by_slot[name]]
        for slot in missing[-MOST_ASKED:]:
            award_id = f"{request_id}.{out.name}.{name}"
            asking = m.Dispatch(
                message_id=f"{out.name}.dispatch.{award_id}.{slot}.{out.sent('dispatch') + 1}",
                sent_at=now,
                event_id=subject.event_id,
                request_id=request_id,
                round=round_,
                revision=1,
                award_id=award_id,
                slot=slot,
                power_w=0,
                valid_for_s=int(subject.period.duration.total_seconds()),
            )
            out.send(Edge(out.name, name), asking)

    @property
    def delivered_wh(self) -> int:
        """In all, as the smart meters themselves say, Wh; what cannot be is not counted."""
        return self._possible_wh(self.by_slot.values())

    def _possible_wh(self, meters: Iterable[Mapping[int, int]]) -> int:
        most_wh = self._most_wh()
        return sum(wh for slots in meters for wh in slots.values() if abs(wh) <= most_wh)

    def _most_wh(self) -> int:
        """More than that no value can be. Of many values it is computed once: it looks at every slot."""
        most_wh = energy_wh((max(self.subject.asked_w),), self.subject.period.duration)
        return max(TIMES_ASKED * most_wh, LEAST_DOUBTED_WH)

    def told(self, last: int) -> dict[str, object]:
        """What more there is for the utility's account: `storage_wh` is what the aggregators' own storage has delivered, where
        such a meter has told anything, `values_missing` counts those of the meters that have, where any is missing;
        `values_impossible` those that are not counted, `values_estimated` those that stand in for others, `meters_step_wh` is by how much the steps of the meters may be off."""
        own, most_wh = [slots for name, slots in self.by_slot.items() if OWN in name], self._most_wh()
        more: dict[str, object] = {"storage_wh": self._possible_wh(own)} if own else {}
        homes = [self.by_slot[name] for name in self.requests]
        if missing := sum(slot not in values for values in homes for slot in range(last + 1)):
            more["values_missing"] = missing
        if impossible := sum(abs(wh) > most_wh for slots in self.by_slot.values() for wh in slots.values()):
            more["values_impossible"] = impossible
        if estimated := sum(map(len, self.estimated.values())):
            more["values_estimated"] = estimated
        if step_wh := sum(self.steps_wh.values()):
            more["meters_step_wh"] = step_wh
        return more
