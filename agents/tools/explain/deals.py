"""What was concluded, what became of it, and what was delivered."""

from datetime import datetime, timedelta

from agents.tools.explain.answers import took
from agents.tools.explain.climbs import sharing
from agents.tools.explain.evidence import Evidence, Said, Told
from agents.tools.explain.noted import Figures
from agents.tools.explain.story.deal import Award, Change, Ending, Settled, Shared, SlotDelivery
from protocol import messages as m
from protocol.edges import Edge

CHANGES = {
    "award_lost": "lost",
    "award_refused": "refused",
    "withdrawn": "withdrawn",
    "replaced": "replaced",
    "own_storage_replaces": "storage_replaces",
    "shortfall_stated": "shortfall",
}


def awards(evidence: Evidence) -> list[Award]:
    """The last word on each award, in the order in which the awards were first given."""
    groups: dict[tuple[Edge, str], list[Said]] = {}
    for said in evidence.all(m.Award):
        groups.setdefault((said.edge, said.message.request_id), []).append(said)
    latest: dict[Edge, str] = {}
    for said in evidence.all(m.Request):
        latest[said.edge] = said.message.request_id
    return [
        _award(evidence, edge, given, superseded=latest.get(edge, request_id) != request_id)
        for (edge, request_id), given in groups.items()
    ]


def _award(evidence: Evidence, edge: Edge, given: list[Said], *, superseded: bool) -> Award:
    last = max(given, key=lambda said: said.message.revision)
    award = last.message
    assert isinstance(award, m.Award)
    concluded = award.outcome is m.Outcome.CONCLUDED
    state, text = _state(evidence, edge, award) if concluded else ("", "")
    return Award(
        parent=edge.parent,
        child=edge.child,
        at=last.said_at or last.at,
        outcome=str(award.outcome),
        power_w=award.power_w,
        basis=_basis(evidence, edge, award) if concluded else "",
        reason=Figures.plain(award.reason),
        revision=award.revision,
        state=state,
        text=text,
        superseded=superseded,
    )


def _state(evidence: Evidence, edge: Edge, award: m.Award) -> tuple[str, str]:
    for said in evidence.on(edge, m.Confirm):
        confirm = said.message
        assert isinstance(confirm, m.Confirm)
        if (confirm.award_id, confirm.revision) == (award.award_id, award.revision):
            if not confirm.accepted:
                return "refused", Figures.plain(confirm.reason)
            if took(evidence, said, edge.parent):
                return "confirmed", ""
            return "unconfirmed", "its confirmation never arrived"
    known = edge.parent in evidence.journals or edge.child in evidence.journals
    return ("unconfirmed" if known else "unknown"), ""


def _basis(evidence: Evidence, edge: Edge, award: m.Award) -> str:
    for said in evidence.on(edge, m.Offer):
        if said.message.message_id == award.accepts and isinstance(said.message, m.Offer):
            return str(said.message.basis)
    return award.accepts or ""


def shared(evidence: Evidence) -> list[Shared]:
    """S35 at each aggregator."""
    return [
        Shared(
            told.party,
            told.at,
            sharing(evidence, told.party),
            told.figures.number("awarded"),
            told.figures.plan("power_w"),
            told.figures.plan("storage_w"),
        )
        for told in evidence.told
        if told.name == "awards_sent"
    ]


def changes(evidence: Evidence) -> list[Change]:
    """What happened to deals after they were made, in order."""
    found = []
    for told in evidence.told:
        if told.name in CHANGES:
            figures = told.figures
            plan = figures.plan("power_w") or figures.plan("storage_w") or figures.plan("shortfall_w")
            kind, child, cause = CHANGES[told.name], figures.text("child"), figures.text("cause")
            found.append(Change(told.at, told.party, kind, child, plan, cause))
    return found


def endings(evidence: Evidence) -> list[Ending]:
    """How the event ended at each party above the devices that has ended it; a reopened one counts once, at the end."""
    found: dict[str, Ending] = {}
    for told in evidence.told:
        if told.name in ("event_issued", "plan_sent", "request_received"):
            found.pop(told.party, None)
        elif told.name == "closed":
            figures = told.figures
            found[told.party] = Ending(told.party, told.at, figures.text("outcome"), figures.text("reason"))
    return list(found.values())


def settled(evidence: Evidence) -> Settled | None:
    """The utility's account."""
    told = [one for one in evidence.told if one.name == "settled"]
    if not told:
        return None
    keys = ("requested_wh", "awarded_wh", "delivered_wh", "metered_directly_wh", "meters")
    return Settled(*(told[-1].figures.number(key) for key in keys))


def delivery(evidence: Evidence, party: str, start: datetime, slot: timedelta) -> list[SlotDelivery]:
    """Each slot as a parent summed it up."""
    notes = evidence.notes(party)
    children = _children(evidence, party)
    dispatched = {note.figures.number("slot"): note.figures for note in notes if note.name == "dispatched"}
    return [
        SlotDelivery(
            party,
            number,
            start + number * slot,
            note.figures.number("awarded_wh"),
            note.figures.number("delivered_wh"),
            note.figures.number("reported"),
            _silent_meters(evidence, party, children, note) if note.figures.number("silent") else (),
            dispatched[number].number("dispatched") if number in dispatched else None,
            dispatched[number].number("power_w") if number in dispatched else None,
        )
        for note in notes
        if note.name == "slot_metered"
        for number in (note.figures.number("slot"),)
    ]


def _children(evidence: Evidence, party: str) -> list[str]:
    return list(dict.fromkeys(said.edge.child for said in evidence.all(m.Award) if said.edge.parent == party))


def _silent_meters(evidence: Evidence, party: str, children: list[str], note: Told) -> tuple[str, ...]:
    """Those whose award stood when the slot was summed up, and whose meter had not spoken."""
    slot, silent = note.figures.number("slot"), []
    for child in children:
        edge = Edge(party, child)
        given = [said for said in evidence.on(edge, m.Award) if said.said is not None and said.said <= note.place]
        award = max(given, key=lambda said: (said.message.round, said.message.revision)).message if given else None
        if not isinstance(award, m.Award) or award.outcome is not m.Outcome.CONCLUDED:
            continue
        if _state(evidence, edge, award)[0] == "refused":
            continue
        heard = any(
            said.counted
            and said.heard is not None
            and said.heard <= note.place
            and isinstance(said.message, m.Report)
            and any(reading.slot == slot for reading in said.message.readings)
            for said in evidence.on(edge, m.Report)
        )
        if not heard:
            silent.append(child)
    return tuple(silent)
