"""What was concluded, what became of it, and what was delivered."""

from datetime import datetime, timedelta

from agents.history.narrate import plain
from agents.history.party import ASKED
from agents.tools.explain.answers import took
from agents.tools.explain.climbs import sharing
from agents.tools.explain.evidence import Evidence, SentEvidence
from agents.tools.explain.noted import NotedEvidence, of
from agents.tools.explain.story.deal import AwardChange, AwardStory, Ending, Settled, SharedOut, SlotDelivery
from protocol import messages as m
from protocol import notes as n
from protocol.edges import Edge
from protocol.note_model import NoteModel
from protocol.plan import Plan

CHANGES = {
    "award_lost": "lost",
    "award_refused": "refused",
    "withdrawn": "withdrawn",
    "replaced": "replaced",
    "own_storage_replaces": "storage_replaces",
    "shortfall_stated": "shortfall",
}


def awards(evidence: Evidence) -> list[AwardStory]:
    """The last word on each award, in the order in which the awards were first given."""
    groups: dict[tuple[Edge, str], list[SentEvidence]] = {}
    for sent in evidence.all(m.Award):
        groups.setdefault((sent.edge, sent.message.request_id), []).append(sent)
    latest: dict[Edge, str] = {}
    for sent in evidence.all(m.Request):
        latest[sent.edge] = sent.message.request_id
    return [
        _award(evidence, edge, given, superseded=latest.get(edge, request_id) != request_id)
        for (edge, request_id), given in groups.items()
    ]


def _award(evidence: Evidence, edge: Edge, given: list[SentEvidence], *, superseded: bool) -> AwardStory:
    last = max(given, key=lambda sent: sent.message.revision)
    award = last.message
    assert isinstance(award, m.Award)
    concluded = award.outcome is m.Outcome.CONCLUDED
    state, text = _state(evidence, edge, award) if concluded else ("", "")
    return AwardStory(
        parent=edge.parent,
        child=edge.child,
        at=last.sent_at or last.at,
        outcome=str(award.outcome),
        power_w=award.power_w,
        basis=_basis(evidence, edge, award) if concluded else "",
        reason=plain(award.reason),
        revision=award.revision,
        state=state,
        text=text,
        superseded=superseded,
    )


def _state(evidence: Evidence, edge: Edge, award: m.Award) -> tuple[str, str]:
    for sent in evidence.on(edge, m.Confirm):
        confirm = sent.message
        assert isinstance(confirm, m.Confirm)
        if (confirm.award_id, confirm.revision) == (award.award_id, award.revision):
            if not confirm.accepted:
                return "refused", plain(confirm.reason)
            if took(evidence, sent, edge.parent):
                return "confirmed", ""
            return "unconfirmed", "its confirmation never arrived"
    known = edge.parent in evidence.journals or edge.child in evidence.journals
    return ("unconfirmed" if known else "unknown"), ""


def _basis(evidence: Evidence, edge: Edge, award: m.Award) -> str:
    for sent in evidence.on(edge, m.Offer):
        if sent.message.message_id == award.accepts and isinstance(sent.message, m.Offer):
            return str(sent.message.basis)
    return award.accepts or ""


def shared(evidence: Evidence) -> list[SharedOut]:
    """S35 at each aggregator."""
    return [
        SharedOut(
            noted.party,
            noted.at,
            sharing(evidence, noted.party),
            noted.note.awarded,
            noted.note.power_w,
            noted.note.storage_w,
            noted.note.in_turn,
        )
        for noted in of(evidence.noted, n.AwardsSent)
    ]


def changes(evidence: Evidence) -> list[AwardChange]:
    """What happened to deals after they were made, in order."""
    return [
        AwardChange(noted.at, noted.party, kind, *about)
        for noted in evidence.noted
        if (kind := CHANGES.get(noted.note.name)) is not None and (about := _about(noted.note)) is not None
    ]


def _about(note: NoteModel) -> tuple[str, Plan, str] | None:
    """Child, power and cause of a change."""
    match note:
        case n.AwardLost() | n.AwardWithdrawn() | n.AwardReplaced():
            return note.child, note.power_w, note.cause
        case n.AwardRefused():
            return note.child, (), note.cause
        case n.OwnStorageReplaces():
            return "", note.storage_w, ""
        case n.ShortfallStated():
            return "", note.shortfall_w, note.cause
    return None


def endings(evidence: Evidence) -> list[Ending]:
    """How the event ended at each party above the devices that has ended it; a reopened one counts once, at the end."""
    found: dict[str, Ending] = {}
    for noted in evidence.noted:
        if type(noted.note) in ASKED:
            found.pop(noted.party, None)
        elif isinstance(noted.note, n.EventClosed):
            found[noted.party] = Ending(noted.party, noted.at, noted.note.outcome, noted.note.reason or "")
    return list(found.values())


def accounts(evidence: Evidence) -> dict[str, tuple[int, int]]:
    """What each party told last of all slots: awarded, and delivered, Wh."""
    return {
        noted.party: (noted.note.awarded_wh, noted.note.delivered_wh)
        for noted in evidence.noted
        if isinstance(noted.note, n.DeliverySummed | n.EventSettled)
    }


def settled(evidence: Evidence) -> Settled | None:
    """The utility's account."""
    noted = of(evidence.noted, n.EventSettled)
    if not noted:
        return None
    last = noted[-1].note
    found = Settled(last.requested_wh, last.awarded_wh, last.delivered_wh, last.metered_directly_wh, last.meters)
    found.step_wh, found.meters_step_wh = last.step_wh or 0, last.meters_step_wh or 0
    found.values_missing, found.values_estimated = last.values_missing or 0, last.values_estimated or 0
    found.values_impossible = last.values_impossible or 0
    back = [one.note for one in of(evidence.noted, n.ReboundMetered) if one.party == noted[-1].party]
    if back:
        found.taken_back_wh, found.taken_within_s = back[-1].taken_back_wh, back[-1].within_s
        found.taking_homes = back[-1].homes
    return found


def delivery(evidence: Evidence, party: str, start: datetime, slot: timedelta) -> list[SlotDelivery]:
    """Each slot as a parent summed it up."""
    children = _children(evidence, party)
    dispatched = {noted.note.slot: noted.note for noted in evidence.noted_of(party, n.SlotDispatched)}
    return [
        SlotDelivery(
            party,
            noted.note.slot,
            start + noted.note.slot * slot,
            noted.note.awarded_wh,
            noted.note.delivered_wh,
            noted.note.reported,
            _silent_meters(evidence, party, children, noted) if noted.note.silent else (),
            went_out.dispatched if (went_out := dispatched.get(noted.note.slot)) is not None else None,
            went_out.power_w if went_out is not None else None,
            noted.note.estimated or 0,
            noted.note.step_wh or 0,
        )
        for noted in evidence.noted_of(party, n.SlotMetered)
    ]


def _children(evidence: Evidence, party: str) -> list[str]:
    return list(dict.fromkeys(sent.edge.child for sent in evidence.all(m.Award) if sent.edge.parent == party))


def _silent_meters(
    evidence: Evidence, party: str, children: list[str], noted: NotedEvidence[n.SlotMetered]
) -> tuple[str, ...]:
    """Those whose award stood when the slot was summed up, and whose meter had not spoken."""
    slot, silent = noted.note.slot, []
    for child in children:
        edge = Edge(party, child)
        given = [sent for sent in evidence.on(edge, m.Award) if sent.sent is not None and sent.sent <= noted.place]
        award = max(given, key=lambda sent: (sent.message.round, sent.message.revision)).message if given else None
        if not isinstance(award, m.Award) or award.outcome is not m.Outcome.CONCLUDED:
            continue
        if _state(evidence, edge, award)[0] == "refused":
            continue
        received = any(
            sent.counted
            and sent.received is not None
            and sent.received <= noted.place
            and isinstance(sent.message, m.Report)
            and any(reading.slot == slot for reading in sent.message.readings)
            for sent in evidence.on(edge, m.Report)
        )
        if not received:
            silent.append(child)
    return tuple(silent)
