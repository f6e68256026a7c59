"""The coordinator's rounds (S1-S6) and the utility's judgement."""

from itertools import groupby

from agents.tools.explain.answers import answer_to, asked_at
from agents.tools.explain.evidence import Evidence, Said, Told
from agents.tools.explain.story.planning import Issued, Judgement, Pass, Planning, Rerequest
from protocol import messages as m
from protocol.edges import Edge
from protocol.plan import Plan, shortfall

JUDGING = frozenset({"alternative_judged", "plan_revised", "rerequest_sent", "plan_secured", "plan_not_secured"})


def plannings(evidence: Evidence, party: str) -> list[Planning]:
    """Every request that the coordinator worked on, in order."""
    return [_planning(evidence, party, notes) for notes in evidence.since(party, "plan_sent")]


def _planning(evidence: Evidence, party: str, notes: list[Told]) -> Planning:
    first = notes[0]
    request = next(
        (said for said in evidence.all(m.Request) if said.edge.child == party and said.heard == first.place), None
    )
    planning = Planning(
        party=party,
        parent=request.edge.parent if request is not None else "",
        revision=request.message.revision if request is not None else 1,
        at=first.at,
        plan=first.figures.text("plan"),
        reply_by=first.figures.instant("reply_by"),
        requested_w=first.figures.plan("requested_w"),
        answers=[answer_to(evidence, said) for said in asked_at(evidence, party, first.place)],
    )
    wanted = request.message.terms.least_share_pct if request and isinstance(request.message, m.Request) else 0
    judging = [note for note in notes if note.name in JUDGING]
    for _, of_one in groupby(judging, key=lambda note: note.place):
        planning.passes.append(_pass(evidence, party, list(of_one), wanted))
    return planning


def _pass(evidence: Evidence, party: str, notes: list[Told], least_pct: int) -> Pass:
    result = Pass(notes[0].at)
    for note in notes:
        figures = note.figures
        match note.name:
            case "alternative_judged":
                result.judgements.append(_judgement(evidence, party, note, least_pct))
            case "plan_revised":
                result.gap_w = figures.plan("shortfall_w")
            case "rerequest_sent":
                result.rerequests.append(_rerequest(evidence, party, note))
            case _:
                result.secured_w, result.shortfall_w = figures.plan("secured_w"), figures.plan("shortfall_w")
                result.shortfall_w = result.shortfall_w or (0,) * len(result.secured_w)
                result.answered = True
    return result


def _judgement(evidence: Evidence, party: str, note: Told, least_pct: int) -> Judgement:
    figures = note.figures
    aggregator, accepted = figures.text("aggregator"), figures.flag("accepted")
    share, wanted = figures.number("share_pct"), max(figures.number("least_pct"), least_pct)
    gap, over = figures.plan("shortfall_w"), figures.plan("others_have_over_w")
    proposed = figures.plan("proposed_w")
    asked = _request_before(evidence, Edge(party, aggregator), note.place)
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
    return Judgement(note.at, aggregator, requested, proposed, gap, share, wanted, over, accepted, why)


def _request_before(evidence: Evidence, edge: Edge, place: int) -> Plan | None:
    found = [said for said in evidence.on(edge, m.Request) if said.said is not None and said.said < place]
    message = found[-1].message if found else None
    return message.power_w if isinstance(message, m.Request) else None


def _rerequest(evidence: Evidence, party: str, note: Told) -> Rerequest:
    aggregator, requested = note.figures.text("aggregator"), note.figures.plan("requested_w")
    requests: list[Said] = evidence.on(Edge(party, aggregator), m.Request)
    again = next((said for said in requests if said.said == note.place), None)
    earlier = [said for said in requests if said.said is not None and said.said < note.place]
    before = answer_to(evidence, earlier[-1]).power_w if earlier else (0,) * len(requested)
    answer = answer_to(evidence, again) if again is not None else None
    return Rerequest(
        at=note.at,
        aggregator=aggregator,
        round=note.figures.number("round"),
        requested_w=requested,
        before_w=before,
        verdict=answer.verdict if answer is not None else "silent",
        answered_w=answer.power_w if answer is not None and answer.verdict in ("yes", "no") else None,
        reply_by=note.figures.instant("reply_by"),
    )


def issued(evidence: Evidence, party: str) -> list[Issued]:
    """The utility's event, each revision of it, and its judgement of what came back."""
    found: list[Issued] = []
    for note in evidence.notes(party):
        figures = note.figures
        if note.name == "event_issued":
            revision, asked = figures.number("revision") or 1, figures.plan("requested_w")
            found.append(Issued(party, revision, note.at, asked, figures.instant("reply_by")))
        elif note.name == "answer_judged" and found:
            last = found[-1]
            last.judged_at, last.offered_w = note.at, figures.plan("offered_w")
            last.share_pct, last.least_pct = figures.number("share_pct"), figures.number("least_pct")
            last.bought = figures.flag("bought")
        elif note.name == "event_awarded" and found:
            found[-1].power_w = figures.plan("power_w")
    return found
