"""What is looked at with every message of the device, whatever procedure is played."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from agents.tools.conform.bench import Heard
from agents.tools.conform.book import TrialBook
from agents.tools.conform.profile import DeviceProfile
from protocol import messages as m
from protocol.edges import ROUTES, Way
from protocol.plan import add, covers

CLOCK_S = 2
EARLY = timedelta(seconds=1)
"""A device's clock and ours may differ by so much."""
SOLD_TOLERANCE_PCT = 10
NOT_A_DEVICES = "alternative"


class Look(NamedTuple):
    """What was seen of a rule."""

    rule: str
    holds: bool
    told: str = ""


def looks(heard: Heard, book: TrialBook, profile: DeviceProfile, fault: str) -> Iterator[Look]:
    """All that a message shows; `fault`: why it is no message of ours, or not to everybody. The book does not have it yet."""
    yield from _wire(heard, book, profile, fault)
    match heard.message:
        case m.Offer() as offer:
            yield from _offer(offer, book, profile)
        case m.Confirm() as confirm:
            yield from _confirm(confirm, book)
        case m.Report() as report:
            yield from _report(heard, report, book, profile)
        case m.Reject() as reject:
            yield Look("wire.side", reject.refused_by is m.Side.CHILD, f"a reject that {reject.refused_by} has said")
            told = f"it refused {reject.refused_id}, a reject"
            yield Look("wire.rejects", reject.refused_kind != "reject" and reject.refused_id not in book.rejects, told)


def _wire(heard: Heard, book: TrialBook, profile: DeviceProfile, fault: str) -> Iterator[Look]:
    yield Look("wire.schema", heard.message is not None and not fault, f"{heard.topic}: {fault}")
    yield Look("wire.qos", heard.qos == 1, f"{heard.topic}: QoS {heard.qos}")
    up = heard.kind in ROUTES and ROUTES[heard.kind].way is not Way.DOWN and heard.kind != NOT_A_DEVICES
    own = heard.topic == f"dr/{heard.kind}/{profile.parent}/{profile.name}"
    yield Look("wire.topic", up and own, f"it published on {heard.topic}")
    message = heard.message
    if message is None:
        return
    if isinstance(message, m.Presence):  # a will is written beforehand
        return
    known = book.bodies.get(message.message_id)
    book.bodies.setdefault(message.message_id, heard.payload)
    yield Look("wire.ids", known in (None, heard.payload), f"{message.message_id} has another body than before")
    if known != heard.payload:
        off_s = (message.sent_at - heard.at).total_seconds()
        yield Look("wire.clock", abs(off_s) <= CLOCK_S, f"{heard.kind}: sent_at is {off_s:+.1f} s off")


def _offer(offer: m.Offer, book: TrialBook, profile: DeviceProfile) -> Iterator[Look]:
    request = book.requests.get(offer.request_id)
    if request is None:
        yield Look("offer.names", False, f"there is no request {offer.request_id}")
        return
    same = (offer.event_id, offer.round) == (request.event_id, request.round)
    yield Look("offer.names", same, f"{offer.event_id}, round {offer.round} under {offer.request_id}")
    slots = len(request.power_w)
    yield Look("offer.slots", len(offer.power_w) == slots, f"{len(offer.power_w)} powers for {slots} slots")
    if len(offer.power_w) != slots:
        return
    yield from _sold_once(offer, request, book, profile)
    if offer.opt is m.Opt.OUT:
        return
    yield from _bounds(offer, request, book)
    most_w = profile.most_w(request.direction)
    if covers(request.power_w, offer.power_w) and 0 < most_w < max(request.power_w):
        yield Look("offer.contract", max(offer.power_w) <= most_w, f"{offer.power_w} W, {most_w} W by its contract")
    told = f"valid until {offer.valid_until.isoformat()}, decided by {request.decide_by.isoformat()}"
    yield Look("offer.firm", offer.valid_until >= request.decide_by, told)
    names = {resource.resource_id for resource in offer.resources}
    strange = ", ".join(sorted(names - set(profile.resources)))
    yield Look("offer.resources", not strange, f"{strange}: not in the profile")
    if offer.resources:
        parts = tuple(sum(one) for one in zip(*(resource.power_w for resource in offer.resources), strict=True))
        yield Look("offer.parts", parts == offer.power_w, f"{parts} W of {offer.power_w} W")
    if not covers(offer.power_w, request.power_w):
        told = f"{offer.power_w} W of {request.power_w} W, binding {[str(one) for one in offer.binding]}"
        yield Look("offer.why", bool(offer.binding) and any(offer.binding), told)


def _bounds(offer: m.Offer, request: m.Request, book: TrialBook) -> Iterator[Look]:
    relax, own = book.relaxes.get(request.request_id), book.own_offer(request.request_id)
    if offer.basis is m.Basis.OWN:
        yield Look("offer.not_above", covers(request.power_w, offer.power_w), f"{offer.power_w} of {request.power_w} W")
    elif relax is None or own is None:
        yield Look("relax.not_above", False, "a relaxed offer, and nobody asked for one")
    else:
        most_w = add(own.power_w, relax.shortfall_w)
        yield Look("relax.not_above", covers(most_w, offer.power_w), f"{offer.power_w} W, at most {most_w} W")
        yield Look("relax.keeps", covers(offer.power_w, own.power_w), f"{offer.power_w} W, before {own.power_w} W")


def _sold_once(offer: m.Offer, request: m.Request, book: TrialBook, profile: DeviceProfile) -> Iterator[Look]:
    """Slot by slot, beside the deals of other events in the same direction."""
    most_w = profile.most_w(request.direction) * (100 + SOLD_TOLERANCE_PCT) // 100
    others = [
        (other, award)
        for other, award in book.sold()
        if other.event_id != request.event_id and other.direction is request.direction
    ]
    for slot, power_w in enumerate(offer.power_w):
        start, end = request.interval_period.slot_start(slot), request.interval_period.slot_start(slot + 1)
        held = [
            awarded
            for other, award in others
            for place, awarded in enumerate(award.power_w)
            if other.interval_period.slot_start(place) < end and other.interval_period.slot_start(place + 1) > start
        ]
        if any(held):
            told = f"slot {slot}: {power_w} W offered, {max(held)} W of {profile.most_w(request.direction)} W are sold"
            yield Look("offer.sold_once", power_w + max(held) <= most_w, told)


def _confirm(confirm: m.Confirm, book: TrialBook) -> Iterator[Look]:
    said = [one for one in book.awarded if (one.award_id, one.revision) == (confirm.award_id, confirm.revision)]
    if said:
        named = confirm.event_id, confirm.request_id, confirm.round
        told = f"{confirm.event_id}, {confirm.request_id}, round {confirm.round} under {confirm.award_id}"
        yield Look("award.names", any(named == (one.event_id, one.request_id, one.round) for one in said), told)


def _report(heard: Heard, report: m.Report, book: TrialBook, profile: DeviceProfile) -> Iterator[Look]:
    request = book.request_of(report.event_id)
    if request is None:
        yield Look("report.names", False, f"there is no event {report.event_id}")
        return
    slots = [reading.slot for reading in report.readings] + ([] if report.slot is None else [report.slot])
    known = report.resource_id in (*profile.resources, profile.name)
    within = all(slot < len(request.power_w) for slot in slots)
    yield Look("report.names", known and within, f"{report.resource_id}, slots {slots} of {len(request.power_w)}")
    named = book.requests.get(report.request_id)
    same = named is not None and (named.event_id, named.round) == (report.event_id, report.round)
    yield Look("report.names", same, f"{report.request_id}, round {report.round} in {report.event_id}")
    for reading in report.readings:
        last = reading.slot + 1 == len(request.power_w)
        state = m.EventStatus.COMPLETED if last else m.EventStatus.ACTIVE
        told = f"slot {reading.slot} of {len(request.power_w)}: {reading.state}"
        yield Look("report.state", reading.state in (state, m.EventStatus.CANCELLED), told)
        end = request.interval_period.slot_start(reading.slot + 1)
        cut = reading.state is m.EventStatus.CANCELLED
        told = f"slot {reading.slot} ends at {end.isoformat()}"
        yield Look("report.over", cut or heard.at >= end - EARLY, told)
