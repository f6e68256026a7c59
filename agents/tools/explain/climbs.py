"""An aggregator's ladder, rung by rung, as its own notes and the messages on its edges tell it."""

from agents.settings.parties import AggregatorSettings, DerSettings
from agents.tools.explain.answers import answer_to, asked_at, causes, relax_of
from agents.tools.explain.evidence import Evidence, SentEvidence
from agents.tools.explain.noted import NotedEvidence, of
from agents.tools.explain.planned import plans
from agents.tools.explain.story.climb import ClimbStory, ProposedOption, Relaxed, RungStory
from protocol import messages as m
from protocol import notes as n
from protocol.edges import Edge
from protocol.note_model import NoteModel
from protocol.plan import Plan, energy_wh, excess, share_pct, shortfall, total, zero

RESULTS: dict[type[NoteModel], str] = {
    n.CanMeet: "can_meet",
    n.AlternativeProposed: "alternative",
    n.CannotMeet: "cannot_meet",
}


def climbs(evidence: Evidence, party: str, aggregators: list[str]) -> list[ClimbStory]:
    """Every request that the aggregator worked on, in order."""
    return [_climb(evidence, party, notes, aggregators) for notes in evidence.since(party, n.RequestReceived)]


def _climb(evidence: Evidence, party: str, notes: list[NotedEvidence[NoteModel]], aggregators: list[str]) -> ClimbStory:
    [first] = of(notes[:1], n.RequestReceived)
    request = next(
        (sent for sent in evidence.all(m.Request) if sent.edge.child == party and sent.received == first.place), None
    )
    asked = asked_at(evidence, party, first.place)
    requested_w = first.note.requested_w
    slots = len(requested_w)
    sent_values = of(notes, n.RequestValuesSent)
    climb = ClimbStory(
        party=party,
        parent=request.edge.parent if request is not None else "",
        revision=request.message.revision if request is not None else 1,
        round=first.note.round,
        at=first.at,
        reply_by=first.note.reply_by,
        requested_w=requested_w,
        asked_w=total((plan_of(sent) for sent in asked), slots),
        children_reply_by=sent_values[0].note.reply_by if sent_values else None,
    )
    climb.answers = [answer_to(evidence, sent) for sent in asked]
    relaxed = [sent for sent in asked if relax_of(evidence, sent.edge, sent.message.request_id) is not None]
    climb.relaxed_answers = [answer_to(evidence, sent, m.Basis.RELAXED) for sent in relaxed]
    climb.relaxed = [_relaxed(evidence, sent) for sent in relaxed]
    climb.rungs = _rungs(notes, slots)
    climb.plans = plans(evidence, party, notes)
    climb.plan_missed = next((noted.note.reason for noted in of(notes, n.PlanMissed)), "")
    if request is not None:
        _answer_up(evidence, climb, request, notes)
        slot_s = slot_seconds(request)
        climb.causes = causes(climb.answers, requested_w, slot_s, aggregators)
        if climb.relaxed_answers and climb.rungs and not climb.rungs[-1].enough:
            climb.causes_relaxed = causes(climb.relaxed_answers, zero(slots), slot_s, aggregators)
    return climb


def plan_of(sent: SentEvidence) -> Plan:
    """What a request asks, W."""
    assert isinstance(sent.message, m.Request)
    return sent.message.power_w


def slot_seconds(request: SentEvidence) -> int:
    """The length of a request's slots."""
    assert isinstance(request.message, m.Request)
    return int(request.message.interval_period.duration.total_seconds())


def _rungs(notes: list[NotedEvidence[NoteModel]], slots: int) -> list[RungStory]:
    """What each sum had over the one before it is what its rung added."""
    rungs: list[RungStory] = []
    before, short, asked_to_relax = zero(slots), zero(slots), 0
    asked_for_more = planned = 0
    for noted in notes:
        note = noted.note
        if isinstance(note, n.RelaxAsked):
            asked_to_relax = note.asked
        elif isinstance(note, n.SurplusAsked):
            asked_for_more = note.asked
        elif isinstance(note, n.PlanWanted):
            planned = note.members
        elif isinstance(note, n.NobodyToRelax):
            rungs.append(
                RungStory("S28", "relaxed", noted.at, 0, 0, 0, 0, zero(slots), before, short, False, climbed=False)
            )
        elif isinstance(note, n.SummedUp):
            short = note.shortfall_w
            added, sums = excess(note.available_w, before), (note.available_w, short, note.enough)
            match note:
                case n.OffersSummed():
                    rungs.append(
                        RungStory("S24", "offers", noted.at, note.asked, note.yes, note.no, note.silent, added, *sums)
                    )
                case n.SurplusSummed():
                    answered = asked_for_more - note.silent
                    rungs.append(
                        RungStory("S24", "surplus", noted.at, asked_for_more, answered, 0, note.silent, added, *sums)
                    )
                case n.PlanSummed():
                    answered = planned - note.silent if planned else 0
                    rungs.append(RungStory("S24", "plan", noted.at, planned, answered, 0, note.silent, added, *sums))
                case n.StorageSummed():
                    rungs.append(RungStory("S26", "storage", noted.at, 0, 0, 0, 0, added, *sums))
                case _:
                    asked, silent = asked_to_relax, note.silent
                    rungs.append(RungStory("S30", "relaxed", noted.at, asked, asked - silent, 0, silent, added, *sums))
            before = note.available_w
    return rungs


def _relaxed(evidence: Evidence, asked: SentEvidence) -> Relaxed:
    own, loosened = answer_to(evidence, asked), answer_to(evidence, asked, m.Basis.RELAXED)
    relax = relax_of(evidence, asked.edge, asked.message.request_id)
    wanted = [str(one) for one in relax.message.restrictions] if relax and isinstance(relax.message, m.Relax) else []
    settings = evidence.settings.get(asked.edge.child)
    if isinstance(settings, DerSettings):
        could = [one.restriction for spec in settings.devices for one in getattr(spec, "relaxations", ())]
    else:
        could = [bound for bound in own.binding if bound is not None]
    award = last_award(evidence, asked.edge, asked.message.request_id)
    concluded = award is not None and award.outcome is m.Outcome.CONCLUDED
    offers = [sent.message for sent in evidence.on(asked.edge, m.Offer)]
    accepted = next((o for o in offers if award is not None and o.message_id == award.accepts), None)
    return Relaxed(
        asked.edge.child,
        tuple(one for one in wanted if one in could),
        own.power_w,
        loosened.power_w,
        excess(loosened.power_w, own.power_w),
        award.power_w if award is not None and concluded else zero(len(own.power_w)),
        concluded and isinstance(accepted, m.Offer) and accepted.basis is m.Basis.RELAXED,
    )


def last_award(evidence: Evidence, edge: Edge, request_id: str) -> m.Award | None:
    """The highest revision of the award to a request."""
    found = [sent.message for sent in evidence.on(edge, m.Award) if sent.message.request_id == request_id]
    awards = [award for award in found if isinstance(award, m.Award)]
    return max(awards, key=lambda award: award.revision, default=None)


def _answer_up(
    evidence: Evidence, climb: ClimbStory, request: SentEvidence, notes: list[NotedEvidence[NoteModel]]
) -> None:
    """S33 or S36: what it said to its parent."""
    results = [noted for noted in notes if type(noted.note) in RESULTS]
    if not results:
        return
    climb.result, climb.answered_at = RESULTS[type(results[-1].note)], results[-1].at
    up, request_id = request.edge, request.message.request_id
    offers = [sent.message for sent in evidence.on(up, m.Offer) if sent.message.request_id == request_id]
    offered = [offer for offer in offers if isinstance(offer, m.Offer)]
    if offered:
        climb.answered_w, climb.available_w = offered[-1].power_w, offered[-1].available_w
    sent = next((s.message for s in evidence.on(up, m.Alternative) if s.message.request_id == request_id), None)
    if not isinstance(sent, m.Alternative):
        return
    award = last_award(evidence, up, request_id)
    accepts = award.accepts if award is not None else None
    duration = request.message.interval_period.duration if isinstance(request.message, m.Request) else None
    assert duration is not None
    climb.options = [
        ProposedOption(
            one.option_id,
            str(one.shape),
            tuple(str(basis) for basis in one.basis),
            one.power_w,
            share_pct(one.power_w, climb.requested_w),
            energy_wh(one.power_w, duration),
            accepts == one.option_id,
        )
        for one in sent.options
    ]
    climb.answered_w = climb.available_w = answer_to(evidence, request).sent_w


def short_w(climb: ClimbStory) -> Plan:
    """What was missing after the last rung."""
    return climb.rungs[-1].shortfall_w if climb.rungs else shortfall(climb.requested_w, climb.answered_w)


def sharing(evidence: Evidence, party: str) -> str:
    """The policy by which an aggregator shares out; empty when its settings are not known."""
    settings = evidence.settings.get(party)
    return str(settings.sharing) if isinstance(settings, AggregatorSettings) else ""
