"""Part of an event: what follows when the parent says something. A later request changes it or asks for another round, an
award decides it; where nothing comes of a change, what stood before it stands again."""

from datetime import datetime

from agents.negotiation.awards import SUPERSEDED
from agents.negotiation.cause import WithdrawalCause
from agents.negotiation.child import Child
from agents.negotiation.negotiation import Negotiation
from agents.negotiation.stage import ANSWERED, ASKING, Stage, Timer
from agents.negotiation.standing import UNKNOWN
from agents.negotiation.upward import Bought, EndedAbove
from protocol import messages as m
from protocol.plan import Plan, shortfall


def on_request(event: Negotiation, request: m.Request, now: datetime) -> None:
    """A later request for this event: a re-request, or a change from above. Raises RefusedMessage."""
    assert event.up is not None
    event.up.check(request)
    open_still = event.stage is not Stage.CLOSED and event.deal_w is None and not event.children.awarded_count
    later_round = open_still and event.up.is_later_round(request)
    before = [child.name for child in event.children.asked() if child.is_owed or child.awarded_w is not None]
    event.keep_what_stands(event.up.asks_the_same(request))
    event.timers.clear()
    if not later_round:
        event.role.stop(now)
    event.asking.supersede(later_round)
    if not event.up.take(request):
        event.asking.before_w = {}
    event.standing.begin_anew()
    event.role.begin(now)
    if later_round:
        return  # what was firm stays so, also with those who are not asked again
    left = [child for child in map(event.children.__getitem__, before) if _not_asked_again(child, request)]
    event.awards.release([(child, m.Outcome.CANCELLED, SUPERSEDED) for child in left], now)


def keeps_what_stood(event: Negotiation, now: datetime) -> bool:
    """Nothing comes of a change, as the parent says no more: what stood before goes on. Whether anything did."""
    stood_w = None if event.up is None else event.up.recall_kept()
    if stood_w is None or not any(stood_w):
        return False
    _stands_again(event, stood_w, now)
    return True


def _stands_again(event: Negotiation, power_w: Plan, now: datetime) -> None:
    """What stood before a change is given of what the children have answered since; of who has not answered what stood
    with it is counted on."""
    _end_asking(event)
    event.out.tell("earlier_deal_stands", power_w=power_w)
    event.role.recount()
    silent = event.kept.of_silent(shortfall(power_w, event.role.available_w()))
    event.kept.of_others({child.name for child, _ in silent})
    event.stand_by(power_w, now, stood=True)
    event.role.bought(power_w, now)
    for child, part in silent:
        event.awards.restore(child, part, now)
    event.kept.clear()
    if now >= event.subject.end_at:
        event.close(UNKNOWN, now)
    else:
        _repair_lost(event, power_w, now)


def _repair_lost(event: Negotiation, power_w: Plan, now: datetime) -> None:
    if any(shortfall(power_w, event.mending.standing_w())):
        event.repair("lost before the award", WithdrawalCause.LOST, now)


def on_relax(event: Negotiation, relax: m.Relax, now: datetime) -> None:
    """The parent asks to loosen. Raises RefusedMessage."""
    assert event.up is not None
    event.up.check_relax(relax)
    if event.stage in ANSWERED and event.up.acceptable and now <= relax.reply_by:
        event.role.relax_asked(relax, now)


def on_award(event: Negotiation, award: m.Award, now: datetime) -> None:
    """The parent's award. Raises RefusedMessage."""
    assert event.up is not None
    match event.up.on_award(award, event.role.backs, now):
        case Bought(power_w) if event.deal_w is None and award.award_id == event.up.kept.award_id:
            _stands_again(event, power_w, now)
        case Bought(power_w) if event.deal_w is None:
            _end_asking(event)
            event.kept.decided()
            event.stand_by(power_w, now)
            event.role.bought(power_w, now)
            _repair_lost(event, power_w, now)
        case Bought(power_w):
            _changed(event, power_w, now)
        case EndedAbove(outcome, reason) if event.stage is not Stage.CLOSED:
            if event.stage is Stage.DELIVERING and event.up.withdrawal.is_of_all(reason):
                return  # what it gave before is metered to the end, as at a home
            event.close(outcome, now, release=outcome, reason=reason)


def _end_asking(event: Negotiation) -> None:
    """What was firm before was bought: nobody is waited for any more."""
    if event.stage in ASKING:
        event.children.waiting.clear()
        event.timers.drop(Timer.AGAIN)


def _changed(event: Negotiation, deal_w: Plan, now: datetime) -> None:
    """The parent changed a standing award: less is given back, more is looked for."""
    before_w = event.deal_w
    assert before_w is not None
    event.change_deal(deal_w, now)
    if any(shortfall(deal_w, before_w)):
        event.repair("the parent raised the award", WithdrawalCause.RAISED, now)
    else:
        event.mending.reduce(deal_w, now)
        event.role.mended(now)


def _not_asked_again(child: Child, request: m.Request) -> bool:
    """Whether a child that was promised or awarded something is not part of what is asked now."""
    return child.owed or (child.request is not None and child.request.revision != request.revision)
