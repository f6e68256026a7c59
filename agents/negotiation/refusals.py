"""A child that refuses the dispatch of a slot does not move: which slot that is."""

from agents.negotiation.negotiation import Negotiation
from protocol import messages as m
from protocol.errors import RejectReason

CROSSED = (RejectReason.EXPIRED, RejectReason.STALE, RejectReason.CONFLICT)
"""Of a slot that is over, of what was superseded meanwhile, or of one that the child has in other words already."""


def refused_slot(event: Negotiation, name: str, reject: m.Reject) -> int | None:
    """The slot of a dispatch that a child has refused, by an award that it has confirmed: one that it has not heard of yet
    is said again when it confirms. None: the refusal is about nothing that stands."""
    child = event.children.by_name.get(name)
    if child is None or child.award is None or child.awarded_w is None or not child.confirmed:
        return None
    before = f"{event.out.name}.dispatch.{event.awards.award_id(name, child.award)}."
    said = reject.refused_id or ""
    if reject.reason in CROSSED or not said.startswith(before):
        return None
    if event.dispatches.came_before_award(name, said.removeprefix(before)):
        return None
    slot, _, revision = said.removeprefix(before).partition(".")
    if revision.partition(".")[0] != str(child.award.revision) or not slot.isdecimal():
        return None
    return int(slot)
