"""Part of an event: what follows when a peer's refusal shows that one of both has lost its memory (its journal was
deleted, or restored from an older copy).

Who does not know what it had agreed to counts as withdrawn, and is replaced. Who is told that it has sent another message
under the same id before lives anew: the number in its ids rises until it is above all that an earlier life used.
"""

from datetime import datetime

from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.child import Child
from agents.negotiation.life import TRIES, next_life
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.stage import ASKING, Stage, Timer
from protocol import messages as m
from protocol.errors import RejectReason

FORGOTTEN = (RejectReason.UNKNOWN_EVENT, RejectReason.UNKNOWN_AWARD)
"""Why somebody refuses who knows nothing of an award."""
SURPASSED = (RejectReason.CONFLICT, RejectReason.STALE)
"""Why somebody refuses a request who knows a later one."""


# -- what a child refuses


def refused_below(event: Negotiation, name: str, reject: m.Reject, now: datetime) -> None:
    """A child refuses a request, an award or a dispatch of ours."""
    child = event.children.by_name.get(name)
    if child is None or reject.refused_id is None:
        return
    match reject.refused_kind:
        case "request" if reject.reason in SURPASSED:
            _ask_anew(event, child, reject.refused_id, now)
        case "award":
            _award_refused(event, child, reject, now)
        case "dispatch":
            _dispatch_refused(event, child, reject, now)


def _ask_anew(event: Negotiation, child: Child, refused_id: str, now: datetime) -> None:
    asked, waits = child.request, child.name in event.children.waiting
    if asked is None or not waits or event.stage not in ASKING:
        return
    if refused_id == event.asking.message_id(child.name, asked):
        number = event.asking.ask_in_new_life(child, issues=event.up is None, now=now)
        if number:
            event.out.tell("own_memory_lost", peer=child.name, kind="request", number=number)


def _award_refused(event: Negotiation, child: Child, reject: m.Reject, now: datetime) -> None:
    award = child.award
    if award is None or reject.refused_id != event.awards.message_id(child.name, award):
        return
    if reject.reason is RejectReason.UNKNOWN_EVENT:
        if child.awarded_w is not None:
            _forgotten(event, child, "award", now)
        else:
            _nothing_to_cancel(event, child)
    elif reject.reason is RejectReason.STALE:  # it goes by a later request: what stood before is dropped there
        if child.awarded_w is None:
            _nothing_to_cancel(event, child)
            return
        cause = f"{child.name} has dropped what stood before the event was changed"
        event.awards.forgotten(child, cause, now)
        event.repair(cause, WithdrawalCause.REFUSED, now)
    elif reject.reason is RejectReason.CONFLICT and (number := next_life(award.revision)):
        event.awards.renumber(child, number, now)
        event.out.tell("own_memory_lost", peer=child.name, kind="award", number=number)


def _nothing_to_cancel(event: Negotiation, child: Child) -> None:
    """Where nothing is known nothing is to be cancelled."""
    event.awards.unconfirmed.pop(child.name, None)
    event.awards.end_chase()


def _dispatch_refused(event: Negotiation, child: Child, reject: m.Reject, now: datetime) -> None:
    award, awarded_w = child.award, child.awarded_w
    if award is None or awarded_w is None or not child.confirmed or reject.refused_id is None:
        return
    head = f"{event.out.name}.dispatch.{event.awards.award_id(child.name, award)}."
    if not reject.refused_id.startswith(head):
        return
    said = reject.refused_id.removeprefix(head)
    if reject.reason in FORGOTTEN:
        if not event.dispatches.came_before_award(child.name, said):
            _forgotten(event, child, "dispatch", now)
    elif reject.reason is RejectReason.CONFLICT:
        slot, *rest = said.split(".")
        if len(rest) == 1 and slot.isdecimal() and int(slot) < event.subject.slots:
            event.dispatches.again(child, awarded_w, int(slot), now)


def _forgotten(event: Negotiation, child: Child, kind: str, now: datetime) -> None:
    """A child does not know its award any more: it counts as withdrawn."""
    cause = f"{child.name} does not know its award any more"
    event.out.tell("peer_lost_memory", peer=child.name, kind=kind)
    event.awards.forgotten(child, cause, now)
    event.repair(cause, WithdrawalCause.FORGOTTEN, now)


def came_online(event: Negotiation, name: str, now: datetime) -> None:
    """A child's process has connected: it is told its award once more, or that it is cancelled. Who knows that confirms it
    again, who has lost its memory says so now, and not when it is to deliver."""
    child = event.children.by_name.get(name)
    if child is None or child.award is None or now >= event.subject.end_at:
        return
    cancelled = child.award.outcome is m.Outcome.CANCELLED
    if cancelled or name in event.awards.unconfirmed or (child.confirmed and child.awarded_w is not None):
        event.awards.send_again(child, now)


# -- what the parent refuses


def is_of_no_award(sent: m.EventMessage, reject: m.Reject) -> bool:
    """Whether a parent says of an award that we have refused that it knows of none: somebody else may have sent it, and
    nothing stands on it."""
    return isinstance(sent, m.Confirm) and not sent.accepted and reject.reason is RejectReason.UNKNOWN_AWARD


def ends_withdrawal(sent: m.EventMessage, reject: m.Reject) -> bool:
    """Whether a parent has heard a withdrawal and takes none of it, however often it is said: all that it does not take
    for good, but what it has had no time for."""
    return isinstance(sent, m.Withdraw) and reject.reason is not RejectReason.OVERLOAD


def refused_above(event: Negotiation, sent: m.EventMessage, reject: m.Reject, now: datetime) -> None:
    """The parent refuses what we said last of a kind."""
    up = event.up
    if up is None or sent.request_id != up.request.request_id or is_of_no_award(sent, reject):
        return
    if ends_withdrawal(sent, reject):
        event.timers.drop(Timer.WITHDRAW)
    if reject.reason is RejectReason.CONFLICT:
        _said_otherwise(event, sent, now)
    elif event.stage is not Stage.CLOSED and reject.reason in FORGOTTEN:
        event.out.tell("peer_lost_memory", peer=up.edge.parent, kind=sent.kind)
        if isinstance(sent, m.Confirm) and reject.reason is RejectReason.UNKNOWN_AWARD:
            if up.said_again < TRIES:
                up.said_again += 1
                up.send_again()  # it knows what it asked, and perhaps not our answer
        else:
            reason = f"{up.edge.parent} does not know the deal any more"
            event.close("cancelled", now, release=m.Outcome.CANCELLED, reason=reason)
    elif event.outcome == "concluded" and isinstance(sent, m.Report) and reject.reason is RejectReason.UNKNOWN_AWARD:
        event.out.tell(
            "peer_lost_memory", peer=up.edge.parent, kind=sent.kind
        )  # in the last slot: nothing is left to end


def _said_otherwise(event: Negotiation, sent: m.EventMessage, now: datetime) -> None:
    """An earlier life of ours has sent another message under the same id."""
    up, number = event.up, 0
    assert up is not None
    if isinstance(sent, m.Offer | m.Alternative) and sent is up.answer:
        number = up.answer_anew(next_life(sent.revision), now)
    elif isinstance(sent, m.Confirm) and not sent.accepted:
        number = up.withdraw_unknown(sent, now)
    elif isinstance(sent, m.Report) and sent.revision <= event.subject.slots:
        known = event.delivery.summed(sent.readings[0].slot)
        if known is not None:
            event.settlement.report_again(known, now, sources=False)
            number = sent.revision
    if number:
        event.out.tell("own_memory_lost", peer=up.edge.parent, kind=sent.kind, number=number)
