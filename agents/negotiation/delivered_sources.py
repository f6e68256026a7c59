"""Where what was delivered is known from: which meters, which estimates, and of whom nothing was told."""

from collections.abc import Container
from datetime import datetime

from agents.negotiation.children import Children
from agents.negotiation.readings import Readings, is_estimated
from agents.negotiation.sources import FourSums, SourceSum
from agents.negotiation.stood import stood_wh
from agents.negotiation.subject import Subject
from agents.negotiation.watch import DeliveryWatch
from protocol.rules import delivered_wh


class DeliveredSources:
    """Of one event."""

    def __init__(self, subject: Subject, children: Children, readings: Readings, watch: DeliveryWatch) -> None:
        self.subject, self.children, self.readings, self.watch = subject, children, readings, watch
        self.untold_wh: dict[int, dict[str, int]] = {}
        """By slot, what was due by the awards that stood in it of who had told nothing when it was summed up, Wh."""
        self.told_by: dict[str, dict[str, FourSums]] = {}
        """By child: where an aggregator says that its sums are known from."""

    def clear(self) -> None:
        """The first slot begins."""
        self.untold_wh, self.told_by = {}, {}

    def sum_up(self, slot: int, until: datetime | None) -> None:
        """A slot is summed up; `until`: the event was cancelled in it."""
        if untold := self._untold_wh(slot, until):
            self.untold_wh[slot] = untold

    def _untold_wh(self, slot: int, until: datetime | None) -> dict[str, int]:
        """What was due in a slot of who has told nothing of it, by the awards that stood in it, Wh."""
        have, children, period = self.readings.of(slot), self.children, self.subject.period
        start, found = period.slot_start(slot), {}
        for name in (*(child.name for child, _ in children.awarded()), *children.withdrawn):
            if name in have or name in found:
                continue
            pieces = [one for one in children.stood.get(name, ()) if one[0] > start]
            plan = children[name].awarded_w or self.subject.nothing_w
            if due_wh := stood_wh(pieces, plan, period, slot, until):
                found[name] = due_wh
        return found

    def by_source(self, name: str, own: Container[str], slots: range) -> dict[str, SourceSum]:
        """In the slots that are summed up: of the party itself (its DERs and own devices, `own`), and of each aggregator
        below, as that has told it."""
        found: dict[str, SourceSum] = {}

        def count(child: str, source: str, wh: int) -> None:
            whose = name if child in own or self.watch.is_der(child) else child
            if whose not in self.told_by:
                found[whose] = found.get(whose, SourceSum()).plus(SourceSum(**{source: wh}))

        for slot in slots:
            have = self.readings.of(slot)
            for child, reading in have.items():
                source = "storage_wh" if child in own else "estimated_wh" if is_estimated(reading) else "meters_wh"
                count(child, source, delivered_wh(self.subject.direction, reading.energy_wh, reading.baseline_wh))
            for child, due_wh in self.untold_wh.get(slot, {}).items():
                if child not in have:
                    count(child, "missing_wh", due_wh)
        for sums in self.told_by.values():
            found |= {whose: SourceSum(*four) for whose, four in sums.items()}
        return dict(sorted(found.items()))
