"""Who owes the meter value of the slot that is summed up next."""

from collections.abc import Container

from agents.negotiation.child import Child
from agents.negotiation.children import Children
from agents.negotiation.readings import Readings
from agents.negotiation.subject import Subject
from protocol.plan import Plan


class OwedReadings:
    """Of the children of one event."""

    def __init__(self, subject: Subject, children: Children, readings: Readings) -> None:
        self.subject, self.children, self.readings = subject, children, readings
        self.missing: dict[str, None] = {}
        """Children that may still owe a reading of the slot: not all are searched at each report."""

    def clear(self) -> None:
        """Another slot is the next one."""
        self.missing = {}

    def of(self, slot: int, impossible: Container[str]) -> list[tuple[Child, Plan]]:
        """Whose readings of the slot are missing, each with its award, W. `impossible`: who has told one that cannot be."""
        have = self.readings.of(slot)
        owed = [
            (child, awarded_w)
            for child, awarded_w in self.children.awarded()
            if child.name not in have and child.name not in impossible
        ]
        meters = [name for name in self._meters_on(slot) if name not in have and name not in impossible]
        return owed + [(self.children[name], self.subject.nothing_w) for name in meters]

    def _meters_on(self, slot: int) -> list[str]:
        """Whose meters go on without an award, in the order of the book: they told the slot before, or withdrew in this
        one."""
        told = self.readings.of(slot - 1)
        known = [
            self.children[name] for name in self.children.by_name if name in told or name in self.children.withdrawn
        ]
        return [child.name for child in known if child.awarded_w is None and child.award is not None]

    def any_of(self, slot: int) -> bool:
        """Whether a child has not reported the slot that is awarded, or whose meter has gone on after it withdrew."""
        have, before = self.readings.of(slot), self.readings.of(slot - 1)
        while self.missing:
            name = next(reversed(self.missing))
            owes = self.children[name].awarded_w is not None or name in before or self._left_in(slot, name)
            if name not in have and owes:
                return True
            del self.missing[name]
        self.missing = {child.name: None for child, _ in self.children.awarded() if child.name not in have}
        known = self.children.by_name
        left = (name for name in self.children.withdrawn if self._left_in(slot, name))
        self.missing |= {name: None for name in (*before, *left) if name not in have and name in known}
        return bool(self.missing)

    def _left_in(self, slot: int, name: str) -> bool:
        """Whether a child has withdrawn in the slot, of what was due in it until then."""
        start = self.subject.period.slot_start(slot)
        pieces = self.children.stood.get(name, ()) if name in self.children.withdrawn else ()
        return any(until > start and plan[slot] for until, plan in pieces if slot < len(plan))
