"""One device in one event: what it was asked, knew and said, why no more, what it was awarded and did."""

from collections import defaultdict
from collections.abc import Iterable

from agents.history.narrate import plain
from agents.negotiation import meter_step
from agents.settings.parties import DerSettings
from agents.tools.explain.answers import answer_to, relax_of
from agents.tools.explain.evidence import Evidence, Happened, SentEvidence
from agents.tools.explain.story.deal import AwardStory
from agents.tools.explain.story.device import Agreed, DeviceRound, DeviceStory, Dispatched, Driven, Metered, State
from protocol import messages as m
from protocol import notes as n
from protocol.actor import Measured, Setpoint
from protocol.edges import Edge
from protocol.rules import delivered_wh
from protocol.units import Direction


def devices(evidence: Evidence, names: Iterable[str], awards: list[AwardStory]) -> dict[str, DeviceStory]:
    """Every device of the event, in order of appearance. Reports to the utility's own ears are left to their parent."""
    requests: dict[str, list[SentEvidence]] = defaultdict(list)
    for sent in evidence.all(m.Request):
        requests[sent.edge.child].append(sent)
    given: dict[str, list[AwardStory]] = defaultdict(list)
    for award in awards:
        given[award.child].append(award)
    own: dict[str, list[Happened]] = defaultdict(list)
    for one in evidence.happened:
        own[one.party].append(one)
    return {name: _device(evidence, name, requests[name], given[name], own[name]) for name in names}


def _device(
    evidence: Evidence, name: str, requests: list[SentEvidence], given: list[AwardStory], happened: list[Happened]
) -> DeviceStory:
    readings = [(one.place, one.what) for one in happened if isinstance(one.what, Measured)]
    device = DeviceStory(name, _resources(evidence, name, requests), _agreed(evidence, name), awards=given)
    device.journal = name in evidence.journals
    device.rounds = [_round(evidence, name, sent, readings) for sent in requests]
    for edge in dict.fromkeys(sent.edge for sent in requests):
        _what_it_did(evidence, device, edge)
    device.driven = _driven(happened, requests)
    closed = evidence.noted_of(name, n.EventClosed)
    if closed:
        device.outcome = closed[-1].note.outcome
    elif given:
        device.outcome = given[-1].outcome
    return device


def _driven(happened: list[Happened], requests: list[SentEvidence]) -> list[Driven]:
    """Its set-points in the event's slots; they carry no event's id."""
    asked = [sent.message for sent in requests if isinstance(sent.message, m.Request)]
    if not asked:
        return []
    period, slots = asked[-1].interval_period, len(asked[-1].power_w)
    return [
        Driven(one.what.resource_id, one.what.at, one.what.until, one.what.power_w)
        for one in happened
        if isinstance(one.what, Setpoint) and period.start <= one.what.at < period.slot_start(slots)
    ]


def _resources(evidence: Evidence, name: str, requests: list[SentEvidence]) -> tuple[str, ...]:
    settings = evidence.settings.get(name)
    if isinstance(settings, DerSettings):
        return tuple(spec.resource_id for spec in settings.devices)
    found: dict[str, None] = {}
    for sent in requests:
        for offered in evidence.on(sent.edge, m.Offer):
            if isinstance(offered.message, m.Offer):
                found |= {resource.resource_id: None for resource in offered.message.resources}
    return tuple(found)


def _agreed(evidence: Evidence, name: str) -> list[Agreed]:
    settings = evidence.settings.get(name)
    if not isinstance(settings, DerSettings):
        return []
    return [
        Agreed(spec.resource_id, one.restriction, one.steps)
        for spec in settings.devices
        for one in getattr(spec, "relaxations", ())
    ]


def _round(evidence: Evidence, name: str, asked: SentEvidence, readings: list[tuple[int, Measured]]) -> DeviceRound:
    request = asked.message
    assert isinstance(request, m.Request)
    edge = asked.edge
    relax = relax_of(evidence, edge, request.request_id)
    own = answer_to(evidence, asked)
    found = DeviceRound(
        parent=edge.parent,
        revision=request.revision,
        round=request.round,
        at=asked.at,
        asked_w=request.power_w,
        reply_by=request.reply_by,
        reached=reached(evidence, asked),
        state=_state(evidence, name, edge, request, readings),
        consent=_consent(evidence, name, asked),
        own=own,
    )
    if relax is not None and isinstance(relax.message, m.Relax):
        found.relax_shortfall_w = relax.message.shortfall_w
        found.relax_restrictions = tuple(str(one) for one in relax.message.restrictions)
        found.relaxed = answer_to(evidence, asked, m.Basis.RELAXED)
    return found


def reached(evidence: Evidence, asked: SentEvidence) -> bool | None:
    """Whether a request arrived; None when that is not known."""
    if asked.received is not None:
        return True
    if asked.edge.child in evidence.journals:
        return False
    offers = [*evidence.on(asked.edge, m.Offer), *evidence.on(asked.edge, m.Alternative)]
    return True if any(sent.message.request_id == asked.message.request_id for sent in offers) else None


def _state(
    evidence: Evidence, name: str, edge: Edge, request: m.Request, readings: list[tuple[int, Measured]]
) -> list[State]:
    """The last reading of each resource when it answered."""
    offers = [sent for sent in evidence.on(edge, m.Offer) if sent.message.request_id == request.request_id]
    until = next((sent.sent for sent in offers if sent.sent is not None), None)
    known: dict[str, State] = {}
    for place, reading in readings:
        if until is not None and place <= until:
            known[reading.resource_id] = State(reading.resource_id, reading.at, reading.soc_wh)
    return list(known.values())


def _consent(evidence: Evidence, name: str, asked: SentEvidence) -> str:
    for noted in evidence.noted_of(name, n.ConsentDecided):
        if asked.received is not None and noted.place >= asked.received:
            return f"{noted.note.by}: {'takes part' if noted.note.take_part else 'takes no part'}"
    return ""


def _what_it_did(evidence: Evidence, device: DeviceStory, edge: Edge) -> None:
    for sent in evidence.on(edge, m.Dispatch):
        one = sent.message
        assert isinstance(one, m.Dispatch)
        refused = "" if sent.refused is None else f"{sent.refused[0]}: {sent.refused[1]}"
        device.dispatches.append(Dispatched(one.slot, sent.sent_at or sent.at, one.power_w, one.valid_for_s, refused))
    direction = next((_direction(sent) for sent in evidence.on(edge, m.Request)), Direction.INCREASE_LOAD)
    counted_late = evidence.noted_of(edge.parent, n.LateReportCounted)
    late = {noted.note.slot for noted in counted_late if noted.note.child == edge.child}
    slots: dict[int, Metered] = {}
    for sent in evidence.on(edge, m.Report):
        assert isinstance(sent.message, m.Report)
        for reading in sent.message.readings:
            delivered = delivered_wh(direction, reading.energy_wh, reading.baseline_wh)
            slots[reading.slot] = Metered(
                reading.slot,
                reading.energy_wh,
                reading.baseline_wh,
                delivered,
                reading.soc_wh,
                reading.reading_type is m.ReadingType.ESTIMATED,
                reading.slot in late,
                meter_step.told(sent.message.extensions),
            )
    device.metered += [slots[slot] for slot in sorted(slots)]
    for sent in evidence.on(edge, m.Withdraw):
        assert isinstance(sent.message, m.Withdraw)
        device.withdrawn = plain(sent.message.cause)


def _direction(sent: SentEvidence) -> Direction:
    assert isinstance(sent.message, m.Request)
    return sent.message.direction
