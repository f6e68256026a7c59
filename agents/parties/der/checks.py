"""What a DER looks at before it answers: may it loosen, which event is an award about, can it keep it. State in, verdict out."""

from collections.abc import Mapping
from datetime import datetime

from agents.parties.der.event import DerEvent, DerStage
from agents.parties.der.messages import offer_id
from agents.parties.der.terms import EventTerms
from protocol import messages as m
from protocol.errors import RefusedMessage, RejectReason
from protocol.plan import Plan, add, covers


def relax_refusal(
    stage: DerStage, terms: EventTerms, offered_w: Mapping[m.Basis, Plan], relax: m.Relax, now: datetime
) -> RefusedMessage | None:
    """Why a relaxation is refused; None where it is computed. `offered_w`: the offers that stand."""
    if stage is not DerStage.OFFERED or m.Basis.OWN not in offered_w or m.Basis.RELAXED in offered_w:
        return RefusedMessage(RejectReason.UNKNOWN_OFFER, f"no own offer stands in {relax.event_id}")
    if now > relax.reply_by:
        return RefusedMessage(RejectReason.EXPIRED, f"heard at {now.isoformat()}, after reply_by")
    if len(relax.shortfall_w) != len(terms.power_w):
        return RefusedMessage(RejectReason.WRONG_SLOTS, f"{len(relax.shortfall_w)} slots")
    return None


def relaxed_ask_w(own_w: Plan, relax: m.Relax) -> Plan:
    """What is asked of a DER that loosens: its own offer and what is missing above, W."""
    return add(own_w, relax.shortfall_w)


def keeps_firm(relaxed_w: Plan, own_w: Plan) -> bool:
    """Whether a loosened answer may be offered: loosening may reshape, but never takes back what is firm."""
    return covers(relaxed_w, own_w)


def accepted_basis(name: str, request_id: str, offered_w: Mapping[m.Basis, Plan], award: m.Award) -> m.Basis | None:
    """Which of the offers that stand an award accepts."""
    return next((basis for basis in offered_w if offer_id(name, basis, request_id) == award.accepts), None)


def award_problem(
    stage: DerStage, outcome: str, terms: EventTerms, offered_w: Plan | None, award: m.Award, now: datetime, *,
    first: bool,
) -> str:  # fmt: skip
    """Why a concluded award cannot be kept; empty when it can. `offered_w`: the offer that it accepts; `first`: whether
    no other award of the event stands."""
    if stage is DerStage.CLOSED:
        return f"the event is {outcome}"
    if offered_w is None:
        return f"{award.accepts} does not stand"
    if len(award.power_w) != len(terms.power_w) or not covers(offered_w, award.power_w):
        return "the award is above the offer"
    if first and now > terms.valid_until:
        return "the offer has expired"
    return ""


def kept_by(event: DerEvent | None, award: m.Award) -> DerEvent | None:
    """What stood before a change, where its award is said again, later than the change was asked."""
    kept = None if event is None else event.kept
    if event is None or kept is None or kept.award is None or event.stage is DerStage.CLOSED:
        return None
    said_again = kept.award.award_id == award.award_id and award.revision > kept.award.revision
    return kept if said_again and award.sent_at > event.request.sent_at else None


def though_unheard(event: DerEvent | None, award: m.Award) -> DerEvent | None:
    """The event that an award ends, or an offer of which it accepts, even if the request that superseded ours was
    lost on its way."""
    if event is None or award.request_id in event.superseded:
        return None
    if award.sent_at <= event.request.sent_at:
        return None  # said before our request: it is about an earlier one that never came
    ends = award.outcome is not m.Outcome.CONCLUDED
    newer = award.round > event.request.round
    return event if ends or (newer and award.accepts in event.standing()) else None
