"""What each event under way shows of the members that it asks, until it ends and is counted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from agents.negotiation.child import Child
from agents.negotiation.conduct import Answered, Conduct, MemberOutcome, kind_of
from agents.negotiation.meter_step import given_wh
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.plans.timing import too_slow
from agents.negotiation.stood import DueEnergy
from agents.settings.learned import EVENT
from agents.settings.members import Member, Members
from protocol import messages as m
from protocol.plan import Plan, least, shortfall
from protocol.rules import delivered_wh


class DueBefore(NamedTuple):
    """What was due of a member by what it has withdrawn since, as `DueEnergy` has it."""

    ended_ws: dict[int, int]
    since_at: datetime | None


@dataclass(slots=True)
class EventConduct:
    """Of one event."""

    answers: dict[str, Answered] = field(default_factory=dict)
    """Of those that offer nothing."""
    withdrawn_wh: dict[str, int] = field(default_factory=dict)
    counted: bool = False
    due: dict[str, DueBefore] = field(default_factory=dict)
    """Of those that have withdrawn."""


class Learning:
    """Watches the events of one party."""

    def __init__(self, conduct: Conduct, leaves_early: bool) -> None:
        """`leaves_early`: whether a stage may end while there is still time to answer."""
        self.conduct = conduct
        self.events: dict[str, EventConduct] = {}
        self._leaves_early = leaves_early

    def goes_by(self, half_life_days: int, leaves_early: bool) -> None:
        """Other settings hold from now on."""
        self.conduct.half_life_days, self._leaves_early = half_life_days, leaves_early

    def _of(self, event: Negotiation) -> EventConduct:
        known = self.events.get(event.subject.event_id)
        if known is None:  # once an event: each member's answer asks for it
            known = self.events[event.subject.event_id] = EventConduct()
        return known

    def answered(self, event: Negotiation, name: str, message: m.Offer | m.Alternative, now: datetime) -> None:
        """A member has answered. What was sent in time and came late is not its fault."""
        asked, answers = event.children[name].request, self._of(event).answers
        late = asked is not None and asked.reply_by < now
        kind = kind_of(message)
        if late and asked is not None and message.sent_at <= asked.reply_by:
            kind = Answered.EXCUSED
        elif late and kind is None:
            return
        if kind is None:
            answers.pop(name, None)
        else:
            answers[name] = kind

    def interrupted(self, event: Negotiation) -> None:
        """Nobody is waited for any more, or we were down: who has not answered had no chance to."""
        answers = self._of(event).answers
        for name in event.children.waiting:
            answers[name] = Answered.EXCUSED

    def withdrew(self, event: Negotiation, name: str, before_w: Plan | None, now: datetime) -> None:
        """A member takes a part of its award back from now on, W before."""
        if before_w is None:
            return
        period, notes, begins = event.subject.period, self._of(event), DueEnergy()
        begins.begin(period, now)
        left_w = event.children[name].awarded_w or event.subject.nothing_w
        lost_wh = begins.wh(shortfall(before_w, left_w), period, range(event.subject.slots))
        notes.withdrawn_wh[name] = notes.withdrawn_wh.get(name, 0) + lost_wh
        due = _due(notes.due.get(name))
        due.change(before_w, period, now)
        notes.due[name] = DueBefore(due.ended_ws, due.since_at)

    def ended(self, event: Negotiation, book: Members, now: datetime) -> None:
        """Count an event, once, for those who are still under contract."""
        notes = self._of(event)
        if notes.counted:
            return
        notes.counted = True
        for child in event.children.asked():
            if child.name in book and child.name not in event.children.left:
                outcome = self._outcome(event, child, book[child.name], notes)
                if outcome is not None:
                    self.conduct.count(child.name, outcome, now)
        notes.answers, notes.withdrawn_wh, notes.due = {}, {}, {}

    def _outcome(self, event: Negotiation, child: Child, contract: Member, notes: EventConduct) -> MemberOutcome | None:
        asked = child.request
        if asked is None or not any(asked.power_w):
            return None
        best = child.best or child.accepted
        if best is None:
            silent = notes.answers.get(child.name, Answered.SILENT)
            hurried = bool(too_slow([contract], asked.reply_by - asked.sent_at))
            excused = silent is Answered.SILENT and (hurried or self._leaves_early)
            return MemberOutcome(Answered.EXCUSED if excused else silent)
        offered = sum(least(best.power_w, asked.power_w)) * EVENT // sum(asked.power_w)
        due_wh, gave_wh, unmetered_wh = _metered(event, child, _due(notes.due.get(child.name)))
        back_wh = notes.withdrawn_wh.get(child.name, 0)
        loosened = (
            child.awarded_w is not None and child.accepted is not None and child.accepted.basis is m.Basis.RELAXED
        )
        woken = event.outcome == "concluded" and any(child.awarded_w or ())
        return MemberOutcome(None, min(EVENT, offered), due_wh, gave_wh, back_wh, unmetered_wh, loosened, woken)

    def forget(self, event_id: str) -> None:
        """An event is forgotten."""
        self.events.pop(event_id, None)


def _due(before: DueBefore | None) -> DueEnergy:
    return DueEnergy() if before is None else DueEnergy(before.ended_ws, before.since_at)


def _metered(event: Negotiation, child: Child, due: DueEnergy) -> tuple[int, int, int]:
    """What a member owed in the slots that its meter told, what it gave of that, what it owed in the others, Wh."""
    unmetered_wh, owed, changes = 0, [], []
    for slot in range(event.subject.slots if event.outcome == "concluded" else 0):
        slot_wh = due.slot_wh(child.awarded_w, event.subject.period, slot)
        if not slot_wh:
            continue
        reading = event.delivery.readings.of(slot).get(child.name)
        if reading is None:
            unmetered_wh += slot_wh
            continue
        owed.append(slot_wh)
        changes.append(delivered_wh(event.subject.direction, reading.energy_wh, reading.baseline_wh))
    return sum(owed), given_wh(tuple(owed), changes, event.delivery.watch.step_wh(child.name)), unmetered_wh
