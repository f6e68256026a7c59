"""One event as the console shows it: figures slot by slot, the funnel, the parties. All of it is read from the history."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.history.edge import EdgeHistory, Reply
from agents.history.fold import EventHistory
from agents.history.party import AGGREGATOR, COORDINATOR, DER, UTILITY, PartyHistory
from agents.history.standing import PartyStage, Standing, WhyUnknown
from protocol import messages as m
from protocol.plan import Plan, energy_wh, shortfall, total, zero
from protocol.units import Direction

ORDER = (UTILITY, COORDINATOR, AGGREGATOR, DER)
FUNNEL = ("asked", "answered", "usable", "awarded", "confirmed", "delivered")
DEFAULT_SLOT_S = 1800
NOT_WANTED = ("cancelled", "not_needed")
"""Outcomes after which nothing is short."""
ALTERNATIVE = "alternative"
"""The rung on which an aggregator proposes another plan than it was asked for."""


@dataclass(frozen=True, slots=True)
class PowerPart:
    """What one rung added over all aggregators, W a slot."""

    name: str
    power_w: Plan


@dataclass(frozen=True, slots=True)
class PartyRow:
    """A party in the event."""

    party: PartyHistory
    standing: Standing
    depth: int
    parent: str
    next: str
    """What it waits for, in words; empty: nothing."""
    until: datetime | None


@dataclass(frozen=True, slots=True)
class EventView:
    """`slots` 0: nothing was asked yet."""

    event_id: str
    top: PartyHistory
    standing: Standing
    request: m.Request | None
    rows: tuple[PartyRow, ...]
    parts: tuple[PowerPart, ...]
    edges: tuple[EdgeHistory, ...]
    """To those who answer for devices."""
    open: bool
    proposed_w: Plan | None
    """What aggregators proposed in place of their request, and is counted; None: nobody did."""

    @property
    def slots(self) -> int:
        return len(self.requested_w)

    @property
    def requested_w(self) -> Plan:
        return self.top.requested_w

    @property
    def direction(self) -> Direction | None:
        return self.request.direction if self.request is not None else None

    @property
    def start(self) -> datetime | None:
        return self.request.interval_period.start if self.request is not None else self.top.start_at

    @property
    def slot_s(self) -> int:
        return (
            int(self.request.interval_period.duration.total_seconds()) if self.request is not None else DEFAULT_SLOT_S
        )

    @property
    def end(self) -> datetime | None:
        return None if self.start is None else self.start + timedelta(seconds=self.slot_s) * self.slots

    @property
    def available_w(self) -> Plan | None:
        """At the top, as far as it is known there; before that the sum of what the rungs have brought."""
        found = self.standing.available_w
        return found if isinstance(found, tuple) else None

    @property
    def secured_w(self) -> Plan | None:
        found = self.standing.secured_w
        return found if isinstance(found, tuple) else None

    @property
    def awarded_w(self) -> Plan | None:
        """What stands of the deal; nothing in all slots where it was lost again."""
        return zero(self.slots) if self.top.is_lost else self.secured_w

    @property
    def no_award(self) -> str:
        """Why nothing is awarded, in words."""
        if self.top.is_lost:
            return "lost again"
        return (self.top.outcome or "not yet").replace("_", " ")

    @property
    def shortfall_w(self) -> Plan | None:
        """Of the deal, or of what is available while there is none yet; None: not known, or nothing is wanted any more."""
        found = self.awarded_w or self.available_w
        over = self.top.outcome in NOT_WANTED
        return None if over or found is None or len(found) != self.slots else shortfall(self.requested_w, found)

    @property
    def delivered_wh(self) -> dict[int, int]:
        """By slot of which any meter told, as the top counts it."""
        return self.metered_wh(self.top)

    def metered_wh(self, party: PartyHistory) -> dict[int, int]:
        """What a party counts as delivered, by slot of which any meter below it told, as far as it is known here."""
        below = self._aggregators if party.role != AGGREGATOR else ()
        found: dict[int, int] = {}
        for slot, summed in party.slots.items():
            concerned = [one.slots[slot] for one in below if slot in one.slots]
            told = [one.reported for one in concerned if one.reported or one.silent]
            if summed.reported and (any(told) or not told):
                found[slot] = summed.delivered_wh
        return found

    @property
    def untold(self) -> int:
        """Values of slots that are over, which those who answer for devices were to tell, and have not."""
        return sum(slot.silent for party in self._aggregators or [self.top] for slot in party.slots.values())

    @property
    def _aggregators(self) -> list[PartyHistory]:
        return [row.party for row in self.rows if row.party.role == AGGREGATOR]

    @property
    def due_wh(self) -> int:
        """By what stood of the deal when, in the slots that are metered."""
        return self.top.awarded_wh

    def slot_wh(self, power_w: Plan | None, slot: int) -> int | None:
        """Energy of one slot of a plan, Wh."""
        if power_w is None or slot >= len(power_w):
            return None
        return energy_wh((power_w[slot],), timedelta(seconds=self.slot_s))

    def total_wh(self, power_w: Plan | None) -> int | None:
        return None if power_w is None else energy_wh(power_w, timedelta(seconds=self.slot_s))

    def counts(self) -> dict[str, int]:
        """The funnel."""
        return {step: sum(passed(edge, step) for edge in self.edges) for step in FUNNEL}


def view(event: EventHistory, now: datetime) -> EventView | None:
    """An event; None while nothing is known of it but its id."""
    parties = sorted(event.parties.values(), key=lambda party: ORDER.index(party.role) if party.role in ORDER else 9)
    if not parties:
        return None
    top = event.top or parties[0]
    above = {child: party.name for party in parties for child in party.children if child in event.parties}
    rows = [_row(event, party, above, now) for party in _tree(parties, above) if party.role != DER]
    requests = [edge.request for party in parties for edge in party.children.values() if edge.request is not None]
    request = next((one for one in requests if len(one.power_w) == len(top.requested_w)), None)
    edges = tuple(
        edge
        for party in parties
        for edge in party.children.values()
        if party.role == AGGREGATOR and not _asks(event, edge.edge.child)
    )
    standing = top.standing(now)
    return EventView(
        event.event_id, top, standing, request, tuple(rows), tuple(_parts(parties, above, top)), edges,
        open=standing.stage is not PartyStage.CLOSED, proposed_w=_proposed_w(parties, top),
    )  # fmt: skip


def passed(edge: EdgeHistory, step: str) -> bool:
    """Whether a child has come to a step of the funnel."""
    match step:
        case "asked":
            return edge.request is not None
        case "answered":
            return edge.reply in (Reply.YES, Reply.NO, Reply.ALTERNATIVE)
        case "usable":
            return edge.reply in (Reply.YES, Reply.ALTERNATIVE)
        case "awarded":
            concluded = edge.award is not None and edge.award.outcome is m.Outcome.CONCLUDED
            return concluded and (edge.withdraw is None or any(edge.deal_w or ()))
        case "confirmed":
            return passed(edge, "awarded") and edge.confirmed is True
        case "delivered":
            asked = edge.request
            given = edge.delivered_wh(asked.direction) if asked is not None else {}
            return passed(edge, "awarded") and sum(given.values()) > 0
    return False


def _asks(event: EventHistory, name: str) -> bool:
    found = event.parties.get(name)
    return found is not None and found.role != DER


def _tree(parties: Iterable[PartyHistory], above: dict[str, str]) -> Iterator[PartyHistory]:
    """Each party before those below it."""
    known = {party.name: party for party in parties}

    def below(name: str) -> Iterator[PartyHistory]:
        yield known[name]
        for child, parent in above.items():
            if parent == name:
                yield from below(child)

    for name in known:
        if name not in above:
            yield from below(name)


def _row(event: EventHistory, party: PartyHistory, above: dict[str, str], now: datetime) -> PartyRow:
    depth, name = 0, party.name
    while name in above:
        depth, name = depth + 1, above[name]
    waits, until = _waits(event, party, above.get(party.name, ""), now)
    return PartyRow(party, party.standing(now), depth, above.get(party.name, ""), waits, until)


def _waits(event: EventHistory, party: PartyHistory, parent: str, now: datetime) -> tuple[str, datetime | None]:
    """What a party waits for, and until when."""
    stage = party.stage_at(now)
    if party.is_lost:
        return "", None
    if party.reply_by is not None and stage in (PartyStage.COLLECTING, PartyStage.RELAXING, PartyStage.CONSIDERING):
        return "answers", party.reply_by
    edge = event.parties[parent].children.get(party.name) if parent in event.parties else None
    if stage in (PartyStage.OFFERED, PartyStage.PROPOSED) and edge is not None and edge.request is not None:
        return f"the decision of {parent}", edge.request.decide_by
    if stage is PartyStage.STANDBY:
        starts = [one.request.interval_period.start for one in party.children.values() if one.request is not None]
        return "the first slot", min(starts, default=party.start_at)
    if stage is PartyStage.DELIVERING:
        period = next((one.request.interval_period for one in party.children.values() if one.request is not None), None)
        if period is not None:
            slot = max(0, int((now - period.start) / period.duration))
            if slot < len(party.requested_w):
                return f"the end of slot {slot + 1}", period.slot_start(slot + 1)
            return "the last readings", None
    return "", None


def _parts(parties: Iterable[PartyHistory], above: dict[str, str], top: PartyHistory) -> Iterator[PowerPart]:
    """What each rung added, over all aggregators that answer no other aggregator, in the order of their climbs."""
    found: dict[str, Plan] = {}
    by_name = {party.name: party for party in parties}
    for party in by_name.values():
        over = by_name.get(above.get(party.name, ""))
        if party.role != AGGREGATOR or not party.rounds or (over is not None and over.role == AGGREGATOR):
            continue
        asked = party.requested_w
        before = zero(len(asked))
        for rung in party.rounds[-1].rungs:
            if len(rung.available_w) != len(before) or len(before) != len(top.requested_w):
                continue
            capped = tuple(map(min, rung.available_w, asked))
            more = tuple(max(0, now - was) for now, was in zip(capped, before, strict=True))
            if any(more):
                known = found.get(rung.name, zero(len(more)))
                found[rung.name] = tuple(a + b for a, b in zip(known, more, strict=True))
            before = tuple(map(max, before, capped))
    for name, power_w in found.items():
        yield PowerPart(name, power_w)


def _proposed_w(parties: Iterable[PartyHistory], top: PartyHistory) -> Plan | None:
    """What stands of alternatives, W a slot of the top's request."""
    slots, found = len(top.requested_w), []
    for party in parties:
        if party.role != AGGREGATOR or not party.rounds or not party.rounds[-1].rungs:
            continue
        last = party.rounds[-1].rungs[-1]
        if last.name == ALTERNATIVE and len(last.available_w) == slots:
            held = party.secured_w
            found.append(held if held is not None and len(held) == slots else last.available_w)
    return total(found, slots) if found else None


def unknown(value: object) -> str:
    """Why a figure is not known; empty when it is."""
    return str(value).replace("_", " ") if isinstance(value, WhyUnknown) else ""
