"""Where a party stands in an event, as it is told to who comes late. A question: nothing is changed by it."""

from datetime import datetime, timedelta
from itertools import islice

from agents.negotiation.negotiation import Negotiation
from agents.negotiation.stage import ANSWERED, Stage
from protocol.messages import Offer, Progress
from protocol.plan import Plan, least
from protocol.rules import best_option
from protocol.units import LAST_AT, MAX_ENERGY_WH, MAX_POWER_W

KEPT = timedelta(hours=1)
"""For how long after an event's last slot it is told."""
FEW = 1_000
"""Of so many children at most the round is looked at: this is done for every event, every second."""
GOOD_ENDS = (None, "concluded", "completed_unknown")
"""Outcomes with which a deal stands, or has stood."""


def progress(event: Negotiation, name: str, now: datetime) -> Progress:
    """Where a party of that name stands in an event at present."""
    up, subject, children, delivery = event.up, event.subject, event.children, event.delivery
    rounds = [child.request.round for child in islice(children.by_name.values(), FEW) if child.request is not None]
    unconfirmed = sum(children[one].awarded_w is not None for one in event.awards.unconfirmed)
    over_at = subject.end_at if event.standing.stage is Stage.CLOSED else max(now, subject.end_at)
    return Progress(
        message_id=f"{name}.progress.{subject.event_id}.{int(now.timestamp() * 1000)}",
        sent_at=now,
        party=name,
        event_id=subject.event_id,
        parent=None if up is None else up.edge.parent,
        direction=subject.direction,
        interval_period=subject.period,
        stage=event.told_stage,
        outcome=event.standing.outcome or "",
        round=max(rounds, default=1),
        requested_w=subject.asked_w,
        available_w=_available_w(event),
        secured_w=_secured_w(event),
        delivered_wh=max(-MAX_ENERGY_WH, min(MAX_ENERGY_WH, delivery.delivered_wh)),
        metered=delivery.slot,
        asked=children.asked_count,
        yes=children.yes,
        no=children.no,
        waiting=len(children.waiting),
        awards=children.awarded_count,
        confirmed=children.awarded_count - unconfirmed,
        valid_until=min(over_at + KEPT, LAST_AT - timedelta(seconds=1)),
    )


def _available_w(event: Negotiation) -> Plan | None:
    """What it can count on of what is asked; of a deal that stands only that is told, W."""
    asked_w = event.subject.asked_w
    answered_w = _answered_w(event) if event.standing.stage in ANSWERED else ()
    available_w = answered_w if any(answered_w) else event.role.available_w()
    if event.standing.deal_w is not None or event.standing.stage is Stage.CLOSED or len(available_w) != len(asked_w):
        return None
    return least(available_w, asked_w)


def _answered_w(event: Negotiation) -> Plan:
    """What it told its parent, W; of plans that exclude each other the one that counts."""
    answer = None if event.up is None else event.up.answer
    if isinstance(answer, Offer):
        return answer.power_w
    return () if answer is None else best_option(answer.options, event.subject.asked_w).power_w


def _secured_w(event: Negotiation) -> Plan | None:
    deal_w = event.standing.deal_w
    if deal_w is None or not any(deal_w) or event.standing.outcome not in GOOD_ENDS:
        return None
    return least(deal_w, (MAX_POWER_W,) * len(deal_w))
