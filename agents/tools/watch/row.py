"""What a person reads of one party in one event: a parent's side, added up over its children."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.history.edge import Reply
from agents.history.narrate import slot_of
from agents.history.standing import PartyStage, StageOr, Standing, WhyUnknown, ending, stage_word
from agents.history.tally import Tally, due_wh, missing
from agents.history.wire import HAS_ANSWERED, PartyOnWire
from protocol import messages as m
from protocol.plan import Plan
from protocol.units import SLOT, Direction


@dataclass(frozen=True, slots=True)
class WatchRow:
    """One party in one event at an instant. Powers in W a slot, in the event's direction; energies in Wh."""

    event_id: str
    party: str
    depth: int
    """Levels below the event's first party."""
    stage: StageOr
    outcome: str
    """When closed: concluded, lost (concluded, and nothing of it left), not_needed, no_deal, cancelled, or empty where the wire did not tell."""
    round: int
    direction: Direction | None
    start: datetime | None
    slot: timedelta
    asked: int
    yes: int
    no: int
    alternatives: int
    late: int
    silent: int
    """Their deadline has passed without an answer."""
    unknown: int
    """Asked before we listened: what they answered is not known."""
    waiting: int
    relaxed: int
    """How many were asked to relax."""
    requested_w: Plan | None
    available_w: Plan | None
    """What it answered upward; before that, what its children offer. None: nothing, or not known."""
    shortfall_w: Plan | None
    deal_w: Plan | None
    awards: int
    confirmed: int
    refused: int
    cancelled: int
    released: int
    withdrawn: int
    due_wh: int
    """Of the deal, in the slots that were metered."""
    delivered_wh: int
    answered: Reply | None
    """How it answered its parent; None: it has none."""
    standing: Standing | None
    """What every reader has in common, with why something of it is not known; made for machines only."""
    next: str
    """What comes next, and when."""
    next_at: datetime | None

    @property
    def share_pct(self) -> int | None:
        """Available energy of what is requested, slot by slot at most all of it."""
        if self.requested_w is None or not any(self.requested_w):
            return None
        have = self.available_w or ()
        met = sum(min(want, got) for want, got in zip(self.requested_w, have, strict=False))
        return met * 100 // sum(self.requested_w)


def row_of(party: PartyOnWire, event_id: str, depth: int, now: datetime, standing: bool = False) -> WatchRow:
    """What there is to read at an instant; with `standing` what every reader has in common, too."""
    if (told := party.recounts(now)) is not None:
        return _row_told(party, told, depth, now, standing)
    stage, found, above = party.stage_at(now), party.added_up, party.above
    request = above.request if above is not None else None
    requested_w = request.power_w if request is not None else found.asked_w
    answered_w = above.available_w if above is not None else None
    available_w = answered_w if answered_w is not None else found.offered_w
    direction = request.direction if request is not None else found.direction
    period = request.interval_period if request is not None else found.period
    delivered_wh, due = _metered(party, found, direction)
    open_ = found.answers[Reply.OPEN]
    silent = open_ if found.reply_by is not None and now > found.reply_by else 0
    label, next_at = _next(party, found, now)
    return WatchRow(
        event_id=event_id,
        party=party.name,
        depth=depth,
        stage=stage,
        outcome=party.outcome,
        round=max(party.order[1], 1),
        direction=direction,
        start=period.start if period is not None else None,
        slot=period.duration if period is not None else SLOT,
        asked=sum(found.answers.values()),
        yes=found.answers[Reply.YES],
        no=found.answers[Reply.NO],
        alternatives=found.answers[Reply.ALTERNATIVE],
        late=found.answers[Reply.LATE],
        silent=silent,
        unknown=found.answers[Reply.UNKNOWN],
        waiting=open_ - silent,
        relaxed=found.relaxed,
        requested_w=requested_w,
        available_w=available_w,
        shortfall_w=None if stage is WhyUnknown.JOINED_LATE else missing(requested_w, available_w),
        deal_w=above.deal_w if above is not None else found.given_w,
        awards=found.awards["given"],
        confirmed=found.awards["confirmed"],
        refused=found.awards["refused"],
        cancelled=found.awards["cancelled"],
        released=found.awards["released"],
        withdrawn=found.withdrawn,
        due_wh=due,
        delivered_wh=delivered_wh,
        answered=above.reply if above is not None else None,
        standing=party.standing(now) if standing else None,
        next=label,
        next_at=next_at,
    )


def _row_told(party: PartyOnWire, told: m.Progress, depth: int, now: datetime, standing: bool) -> WatchRow:
    """By the party's own word: we joined later than what it stands on was said."""
    stage, period, asking = stage_word(told.stage), told.interval_period, told.stage in ("collecting", "relaxing")
    closed = stage is PartyStage.CLOSED
    available_w = told.secured_w if told.available_w is None else told.available_w
    label, next_at = ("", None) if closed else _slot_to_come(period, len(told.requested_w), now)
    return WatchRow(
        event_id=told.event_id,
        party=told.party,
        depth=depth,
        stage=stage,
        outcome=ending(told.outcome, told.secured_w or ()),
        round=told.round,
        direction=told.direction,
        start=period.start,
        slot=period.duration,
        asked=told.asked,
        yes=told.yes,
        no=told.no,
        alternatives=0,
        late=0,
        silent=0 if asking else told.waiting,
        unknown=0,
        waiting=told.waiting if asking else 0,
        relaxed=0,
        requested_w=told.requested_w,
        available_w=available_w,
        shortfall_w=None if closed else missing(told.requested_w, available_w),
        deal_w=told.secured_w,
        awards=told.awards,
        confirmed=told.confirmed,
        refused=0,
        cancelled=0,
        released=0,
        withdrawn=0,
        due_wh=due_wh(told.secured_w, range(told.metered), period),
        delivered_wh=told.delivered_wh,
        answered=party.above.reply if party.above is not None else None,
        standing=party.standing(now) if standing else None,
        next=label,
        next_at=next_at,
    )


def _metered(party: PartyOnWire, found: Tally, direction: Direction | None) -> tuple[int, int]:
    """Delivered and due Wh: what it reported upward, own storage included; else what its children did."""
    above = party.above
    if above is not None and above.readings and above.request is not None and direction is not None:
        delivered = above.delivered_wh(direction)
        return sum(delivered.values()), above.due_wh(delivered)
    return sum(found.delivered_wh.values()), found.due_wh


def _next(party: PartyOnWire, found: Tally, now: datetime) -> tuple[str, datetime | None]:
    """The next deadline that matters in this stage."""
    if party.stage is PartyStage.CLOSED:
        return "", None
    if party.stage in (PartyStage.STANDBY, PartyStage.DELIVERING):
        return _next_slot(party, found, now)
    steps = [("decision", found.decide_by)]
    if party.stage is PartyStage.RELAXING and found.relax_open:
        steps.insert(0, ("relaxed", found.relax_by))
    elif found.answers[Reply.OPEN]:
        steps.insert(0, ("replies", found.reply_by))
    if party.above is not None and party.above.request is not None:
        if party.stage not in HAS_ANSWERED:
            steps.append(("answer", party.above.request.reply_by))
        steps.append(("decision", party.above.request.decide_by))
    ahead = [(at, label) for label, at in steps if at is not None and at > now]
    at, label = min(ahead, default=(None, ""))
    return label, at


def _next_slot(party: PartyOnWire, found: Tally, now: datetime) -> tuple[str, datetime | None]:
    if found.confirm_by is not None and found.confirm_by > now and party.stage is PartyStage.STANDBY:
        return "confirms", found.confirm_by
    if found.period is None or party.ends_at is None or now >= party.ends_at:
        return ("meters", None) if party.stage is PartyStage.DELIVERING else ("", None)
    return _slot_to_come(found.period, found.slots, now)


def _slot_to_come(period: m.IntervalPeriod, slots: int, now: datetime) -> tuple[str, datetime | None]:
    """The next slot to begin, or the end of the last one."""
    if now >= period.slot_start(slots):
        return "meters", None
    since = max(-1, (now - period.start) // period.duration)
    at = period.slot_start(since + 1)
    return ("end" if since + 1 >= slots else f"slot {slot_of(since + 1, slots)}"), at
