"""Part of an event: what follows when the contract of a child ends."""

from datetime import datetime

from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.stage import ASKING, Stage
from protocol import messages as m

CONTRACT_ENDED = "its contract has ended"


def leave(event: Negotiation, name: str, now: datetime) -> None:
    """The contract of a child has ended: it takes back what it answered and was awarded, and hears so."""
    child = event.children.by_name.get(name)
    if child is None or event.stage is Stage.CLOSED or name in event.children.left:
        return
    was_waited_for, awarded_w = name in event.children.waiting, child.awarded_w
    concerned = child.request is not None and not child.opted_out
    event.children.leave(child)
    if not concerned:
        return
    event.out.tell("member_left", child=name, power_w=awarded_w or event.subject.nothing_w)
    event.awards.release([(child, m.Outcome.CANCELLED, CONTRACT_ENDED)], now)
    event.out.clear(name, now)
    if event.stage not in ASKING:
        event.role.taken_back(child, now)
    elif was_waited_for and event.asking.complete:
        event.end_stage(now)
    if awarded_w is not None:
        event.repair(CONTRACT_ENDED, WithdrawalCause.LEFT, now)
