"""Meter values of one event by slot and child. A later revision of a reading corrects the earlier one, also after its
slot was summed up."""

from collections.abc import Mapping
from enum import StrEnum

from agents.negotiation.plans.baseline import BaselinePolicy, counted_wh
from protocol import messages as m
from protocol.rules import delivered_wh
from protocol.units import MAX_ENERGY_WH, Direction


class Taking(StrEnum):
    """What became of a reading."""

    OPEN = "open"
    """Its slot is still to be summed up."""
    CORRECTS = "corrects"
    """Its slot was summed up, and its sum is another one now."""
    NOTHING = "nothing"
    """It is known, older than what is known, or impossible."""


class Readings:
    """What the meters have told of each slot."""

    def __init__(self) -> None:
        self.by_slot: dict[int, dict[str, m.Reading]] = {}
        self.revisions: dict[int, dict[str, int]] = {}
        """Of those that are not the first of their slot: most are, and 100,000 entries would be kept for nothing."""

    def clear(self) -> None:
        """Nothing was told."""
        self.by_slot.clear()
        self.revisions.clear()

    def of(self, slot: int) -> dict[str, m.Reading]:
        """Of one slot, by child or own device."""
        return self.by_slot.get(slot, {})

    def take(self, name: str, reading: m.Reading, revision: int, summed: bool) -> Taking:
        """Store a reading unless a later one is known. `summed`: whether its slot was summed up."""
        slot = reading.slot
        known, first = self.of(slot).get(name), slot + 1
        if known is not None and revision < self.revisions.get(slot, {}).get(name, first):
            return Taking.NOTHING
        if known == reading and summed:
            return Taking.NOTHING
        self.by_slot.setdefault(slot, {})[name] = reading
        if revision != first:
            self.revisions.setdefault(slot, {})[name] = revision
        return Taking.CORRECTS if summed else Taking.OPEN

    def summed(self, slot: int, state: m.EventStatus, baseline: BaselinePolicy, period: m.IntervalPeriod) -> m.Reading:
        """All of one slot as one reading; its baseline is that of a policy."""
        have = self.of(slot)
        earlier = [self.of(before) for before in range(slot)]
        metered_wh = sum(reading.energy_wh for reading in have.values())
        energy_wh, baseline_wh = _sayable(metered_wh, counted_wh(baseline, period, slot, have, earlier))
        return m.Reading(
            slot=slot,
            energy_wh=energy_wh,
            baseline_wh=baseline_wh,
            state=state,
            reading_type=m.ReadingType.SUMMED,
        )


def _sayable(energy_wh: int, baseline_wh: int) -> tuple[int, int]:
    """Both within what a message can say, with the same difference as far as that goes: registers that nobody can have are
    no reason to say nothing of the others."""
    change_wh = max(-2 * MAX_ENERGY_WH, min(2 * MAX_ENERGY_WH, energy_wh - baseline_wh))
    least_wh, most_wh = max(-MAX_ENERGY_WH, -MAX_ENERGY_WH + change_wh), min(MAX_ENERGY_WH, MAX_ENERGY_WH + change_wh)
    energy_wh = max(least_wh, min(most_wh, energy_wh))
    return energy_wh, energy_wh - change_wh


def change_wh(direction: Direction, readings: Mapping[str, m.Reading]) -> int:
    """By how much the load has changed against what each child declared, Wh in the event's direction."""
    return sum(delivered_wh(direction, reading.energy_wh, reading.baseline_wh) for reading in readings.values())


def is_estimated(reading: m.Reading) -> bool:
    """Whether a reading says of itself that it is no metered value."""
    return reading.reading_type is m.ReadingType.ESTIMATED
