"""What the slots that are not over will probably come to, while they can still be mended: what is due by the deal, and what
parents expect of their members by what these gave so far. It is read from the notes; nothing is foretold here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agents.history.fold import EventHistory
from agents.history.line import NoteLine
from agents.history.party import PartyHistory
from agents.history.standing import PartyStage
from agents.pages.console.event_view import EventView
from protocol import messages as m
from protocol.plan import Plan, least, scaled, total, zero

LESS = {"gives_less": None, "gives_so_far": None, "dispatch_unanswered": 0, "dispatch_refused": 0}
"""Notes by which less is expected of a child, and how much of its award, %; None: the note says it."""
AGAIN = ("gives_again", "heard_again", "dispatch_answered_late")


@dataclass(frozen=True, slots=True)
class ProjectedSlot:
    """One slot that is not metered yet, W."""

    slot: int
    due_w: int
    expected_w: int
    spare_w: int
    """What members have offered beyond what they were awarded."""
    ends_at: datetime
    running: bool

    @property
    def missing_w(self) -> int:
        return max(0, self.due_w - self.expected_w)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A child of which less is expected than it was awarded."""

    parent: str
    child: str
    pct: int


def doubts(lines: Iterable[NoteLine]) -> tuple[Doubt, ...]:
    """Of whom less is expected, by the newest note of each parent."""
    found: dict[tuple[str, str], int] = {}
    for line in lines:
        child = str(line.data.get("child", ""))
        if line.name in AGAIN:
            found.pop((line.party, child), None)
        elif line.name in LESS:
            fixed = LESS[line.name]
            found[line.party, child] = int(str(line.data["expected_pct"])) if fixed is None else fixed
    return tuple(Doubt(parent, child, pct) for (parent, child), pct in found.items())


def projection(
    view: EventView, event: EventHistory, found: Iterable[Doubt], now: datetime
) -> tuple[ProjectedSlot, ...]:
    """The slots to come of an event that delivers, the running one first; empty where there is nothing to mend."""
    if view.standing.stage is not PartyStage.DELIVERING or view.secured_w is None or view.request is None:
        return ()
    period, due_w = view.request.interval_period, view.secured_w
    pct = {(doubt.parent, doubt.child): doubt.pct for doubt in found}
    expected_w, spare_w = _expected_w(event, view.top, pct, len(due_w)), _spare_w(view, len(due_w))
    return tuple(
        ProjectedSlot(
            slot, due, min(due, expected_w[slot]), spare_w[slot], period.slot_start(slot + 1),
            period.slot_start(slot) <= now,
        )
        for slot, due in enumerate(due_w)
        if period.slot_start(slot + 1) > now and slot not in view.delivered_wh
    )  # fmt: skip


def _expected_w(event: EventHistory, party: PartyHistory, pct: Mapping[tuple[str, str], int], slots: int) -> Plan:
    """What is expected below a party, W a slot: of who asks others by what is expected of those, of others by their award."""
    given = [party.own_w] if len(party.own_w) == slots else []
    for name, edge in party.children.items():
        deal_w, below = edge.deal_w, event.parties.get(name)
        if deal_w is None or len(deal_w) != slots:
            continue
        if below is not None and below.children:
            given.append(least(deal_w, _expected_w(event, below, pct, slots)))
        else:
            given.append(scaled(deal_w, pct.get((party.name, name), 100), 100))
    return total(given, slots)


def _spare_w(view: EventView, slots: int) -> Plan:
    spare = list(zero(slots))
    for edge in view.edges:
        offer = edge.offers.get(m.Basis.OWN)
        if offer is None or offer.opt is not m.Opt.IN or edge.withdraw is not None or len(offer.available_w) != slots:
            continue
        held_w = edge.deal_w or zero(slots)
        for slot, could_w in enumerate(offer.available_w):
            spare[slot] += max(0, could_w - held_w[slot])
    return tuple(spare)
