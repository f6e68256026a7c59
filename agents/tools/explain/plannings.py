"""The coordinator's rounds (S1-S6) and the utility's judgement."""

from itertools import groupby

from agents.tools.explain.answers import answer_to, asked_at
from agents.tools.explain.evidence import Evidence, SentEvidence
from agents.tools.explain.noted import NotedEvidence, of
from agents.tools.explain.story.planning import Issued, Judgement, Pass, Planning, Rerequest
from protocol import messages as m
from protocol import notes as n
from protocol.edges import Edge
from protocol.note_model import NoteModel
from protocol.plan import Plan, shortfall, zero

JUDGING = (n.AlternativeJudged, n.PlanRevised, n.RerequestSent, n.PlanSecured, n.PlanNotSecured)


def plannings(evidence: Evidence, party: str) -> list[Planning]:
    """Every request that the coordinator worked on, in order."""
    return [_planning(evidence, party, notes) for notes in evidence.since(party, n.PlanSent)]


def _planning(evidence: Evidence, party: str, notes: list[NotedEvidence[NoteModel]]) -> Planning:
    [first] = of(notes[:1], n.PlanSent)
    request = next(
        (sent for sent in evidence.all(m.Request) if sent.edge.child == party and sent.received == first.place), None
    )
    planning = Planning(
        party=party,
        parent=request.edge.parent if request is not None else "",
        revision=request.message.revision if request is not None else 1,
        at=first.at,
        plan=first.note.plan,
        reply_by=first.note.reply_by,
        requested_w=first.note.requested_w,
        answers=[answer_to(evidence, sent) for sent in asked_at(evidence, party, first.place)],
    )
    wanted = request.message.terms.least_share_pct if request and isinstance(request.message, m.Request) else 0
    judging = [noted for noted in notes if isinstance(noted.note, JUDGING)]
    for _, of_one in groupby(judging, key=lambda noted: noted.place):
        planning.passes.append(_pass(evidence, party, list(of_one), wanted))
    return planning


def _pass(evidence: Evidence, party: str, notes: list[NotedEvidence[NoteModel]], least_pct: int) -> Pass:
    result = Pass(notes[0].at)
    result.judgements = [_judgement(evidence, party, noted, least_pct) for noted in of(notes, n.AlternativeJudged)]
    result.rerequests = [_rerequest(evidence, party, noted) for noted in of(notes, n.RerequestSent)]
    for noted in notes:
        match noted.note:
            case n.PlanRevised(shortfall_w=gap_w):
                result.gap_w = gap_w
            case n.PlanSecured(secured_w=secured_w):
                result.secured_w, result.shortfall_w, result.answered = secured_w, zero(len(secured_w)), True
            case n.PlanNotSecured(secured_w=secured_w, shortfall_w=short):
                result.secured_w, result.shortfall_w, result.answered = secured_w, short, True
    return result


def _judgement(evidence: Evidence, party: str, noted: NotedEvidence[n.AlternativeJudged], least_pct: int) -> Judgement:
    note = noted.note
    aggregator, accepted = note.aggregator, note.accepted
    share, wanted = note.share_pct, max(note.least_pct, least_pct)
    gap, over, proposed = note.shortfall_w, note.others_have_over_w, note.proposed_w
    asked = _request_before(evidence, Edge(party, aggregator), noted.place)
    fills = not any(shortfall(gap, over))
    if accepted:
        why = (
            f"{share} % of its request in the worst slot is enough ({wanted} % is wanted)"
            if share >= wanted
            else f"only {share} % of its request in the worst slot ({wanted} % is wanted), but what others have over "
            "fills the gap"
        )
    else:
        why = f"{share} % of its request in the worst slot is less than the {wanted} % that is wanted, and " + (
            "filling the gap from others is left out, or no re-request is left"
            if fills
            else "what others have over does not fill the gap"
        )
    requested = tuple(a + b for a, b in zip(proposed, gap, strict=True)) if asked is None else asked
    return Judgement(noted.at, aggregator, requested, proposed, gap, share, wanted, over, accepted, why)


def _request_before(evidence: Evidence, edge: Edge, place: int) -> Plan | None:
    found = [sent for sent in evidence.on(edge, m.Request) if sent.sent is not None and sent.sent < place]
    message = found[-1].message if found else None
    return message.power_w if isinstance(message, m.Request) else None


def _rerequest(evidence: Evidence, party: str, noted: NotedEvidence[n.RerequestSent]) -> Rerequest:
    aggregator, requested = noted.note.aggregator, noted.note.requested_w
    requests: list[SentEvidence] = evidence.on(Edge(party, aggregator), m.Request)
    again = next((sent for sent in requests if sent.sent == noted.place), None)
    earlier = [sent for sent in requests if sent.sent is not None and sent.sent < noted.place]
    before = answer_to(evidence, earlier[-1]).power_w if earlier else (0,) * len(requested)
    answer = answer_to(evidence, again) if again is not None else None
    return Rerequest(
        at=noted.at,
        aggregator=aggregator,
        round=noted.note.round,
        requested_w=requested,
        before_w=before,
        verdict=answer.verdict if answer is not None else "silent",
        answered_w=answer.power_w if answer is not None and answer.verdict in ("yes", "no") else None,
        reply_by=noted.note.reply_by,
    )


def issued(evidence: Evidence, party: str) -> list[Issued]:
    """The utility's event, each revision of it, and its judgement of what came back."""
    found: list[Issued] = []
    for noted in evidence.notes(party):
        match noted.note:
            case n.EventIssued() as note:
                found.append(Issued(party, note.revision, noted.at, note.requested_w, note.reply_by))
            case n.AnswerJudged() as note if found:
                last = found[-1]
                last.judged_at, last.offered_w = noted.at, note.offered_w
                last.share_pct, last.least_pct, last.bought = note.share_pct, note.least_pct, note.bought
            case n.EventAwarded() as note if found:
                found[-1].power_w = note.power_w
            case _:
                pass
    return found
