"""What was said and heard in a trial: the requests, offers and awards that later messages are about."""

from dataclasses import dataclass, field
from datetime import datetime

from agents.tools.conform.bench import Heard
from protocol import messages as m


@dataclass(slots=True)
class Uttered:
    """A message of ours, or one of the device's that a procedure has given a label."""

    message: m.Message
    topic: str
    payload: bytes
    at: datetime
    """When it was last said."""
    mark: int
    """How many messages of the device had been heard by then."""


@dataclass(slots=True)
class TrialBook:
    """Of a whole trial."""

    heard: list[Heard] = field(default_factory=list)
    requests: dict[str, m.Request] = field(default_factory=dict)
    """By request id."""
    relaxes: dict[str, m.Relax] = field(default_factory=dict)
    """The last one of each request."""
    offers: dict[str, m.Offer] = field(default_factory=dict)
    """By message id."""
    awards: dict[str, m.Award] = field(default_factory=dict)
    """The last one of each award id."""
    awarded: list[m.Award] = field(default_factory=list)
    """All of them."""
    confirms: dict[str, m.Confirm] = field(default_factory=dict)
    """The last one of each award id."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """What the device said under each message id."""
    rejects: set[str] = field(default_factory=set)
    """The ids of our rejects."""

    def say(self, message: m.Message) -> None:
        """Remember a message of ours."""
        match message:
            case m.Request():
                self.requests[message.request_id] = message
            case m.Relax():
                self.relaxes[message.request_id] = message
            case m.Award():
                self.awards[message.award_id] = message
                self.awarded.append(message)
            case m.Reject():
                self.rejects.add(message.message_id)

    def hear(self, heard: Heard) -> None:
        """Remember a message of the device."""
        self.heard.append(heard)
        match heard.message:
            case m.Offer() as offer:
                self.offers.setdefault(offer.message_id, offer)
            case m.Confirm() as confirm:
                self.confirms[confirm.award_id] = confirm

    def request_of(self, event_id: str) -> m.Request | None:
        """The newest request of an event."""
        found = [request for request in self.requests.values() if request.event_id == event_id]
        return max(found, key=lambda request: (request.revision, request.round), default=None)

    def own_offer(self, request_id: str) -> m.Offer | None:
        """The last offer to a request with nothing loosened."""
        found = [one for one in self.offers.values() if one.request_id == request_id and one.basis is m.Basis.OWN]
        return max(found, key=lambda offer: offer.revision, default=None)

    def sold(self) -> list[tuple[m.Request, m.Award]]:
        """The deals that stand: awarded, and accepted by the device."""
        found = []
        for award in self.awards.values():
            confirm, request = self.confirms.get(award.award_id), self.requests.get(award.request_id)
            stands = confirm is not None and confirm.accepted and confirm.revision == award.revision
            if request is not None and stands and award.outcome is m.Outcome.CONCLUDED:
                found.append((request, award))
        return found

    def open_offer(self, event_id: str) -> bool:
        """Whether an offer of the event may still bind the device."""
        return any(one.event_id == event_id and one.opt is m.Opt.IN for one in self.offers.values())

    def readings(self, event_id: str, slot: int) -> dict[str, m.Reading]:
        """The last reading of each resource in a slot."""
        found: dict[str, tuple[int, m.Reading]] = {}
        for heard in self.heard:
            report = heard.message
            if not isinstance(report, m.Report) or report.event_id != event_id:
                continue
            for reading in report.readings:
                known = found.get(report.resource_id)
                if reading.slot == slot and (known is None or report.revision >= known[0]):
                    found[report.resource_id] = report.revision, reading
        return {resource: reading for resource, (_, reading) in found.items()}
