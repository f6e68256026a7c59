"""What a home offers in its events (S50-S53): computed beside what other events reserve, told, or not."""

from dataclasses import replace
from datetime import datetime

from agents.negotiation.party import Party
from agents.parties.der import messages
from agents.parties.der.event import DerEvent, DerStage
from agents.parties.der.home import Home
from agents.parties.der.home_flexibility import HomeFlexibility, HomeProfiles
from agents.parties.der.ledger import Ledger
from agents.parties.der.reservation import Reservation
from protocol import messages as m
from protocol.plan import Plan


class HomeOffers:
    """Of one home."""

    def __init__(self, party: Party, home: Home, ledger: Ledger) -> None:
        self.party, self.home, self.ledger = party, home, ledger

    def compute(
        self,
        event: DerEvent,
        asked_w: Plan,
        relaxed: tuple[m.Restriction, ...],
        now: datetime,
        declared: Reservation | None = None,
    ) -> HomeFlexibility:
        """S50 (S52 when something is relaxed): what other events reserve is not offered again. `declared`: of whose
        schedules it is to be a change; None: of what the devices would do now."""
        request = event.request
        self.home.look(now)
        reserved = self.ledger.but(request.event_id)
        if declared is not None:
            names = declared.answer.parts
            reserved = {**reserved, **{name: reserved.get(name, ()) + declared.declared(name) for name in names}}
        return self.home.flexibility(request.direction, request.interval_period, asked_w, reserved, relaxed)

    def offer(
        self,
        event: DerEvent,
        answer: HomeFlexibility,
        basis: m.Basis,
        now: datetime,
        told: HomeProfiles | None = None,
    ) -> None:
        """Offer what comes of a computation, and what else it could give (`told`); what it reserves stands from now on."""
        request = event.request
        revision = 1
        if basis is m.Basis.OWN:
            revision = event.answers_sent = event.answers_sent + 1
        if told is not None and len(answer.parts) > 1:
            answer = replace(answer, others=told.parts)
        offer = messages.offer(
            self.party.name, event.terms, request.request_id, answer.joint, answer.resources(), basis, now,
            revision=revision, profiles=None if told is None else told.offered,
        )  # fmt: skip
        event.go(DerStage.OFFERED)
        event.answers[basis] = Reservation(
            request.event_id, request.direction, request.interval_period, answer, self.home, self.ledger
        )
        event.offers[basis] = offer
        event.answers[basis].lay_out(event.offered_parts())
        self.party.send(event.edge, offer)
        self.party.effect(messages.offered(event.terms, answer.joint, basis))

    def profiles(self, event: DerEvent, wanted: m.WantedProfiles | None) -> HomeProfiles | None:
        """What else it could give, where that is wanted."""
        request = event.request
        if wanted is None:
            return None
        reserved = self.ledger.but(request.event_id)
        return self.home.profiles(
            request.direction, request.interval_period, reserved, wanted, event.loosened
        )  # fmt: skip

    def opt_out(
        self, event: DerEvent, reason: m.OptReason, now: datetime, answer: HomeFlexibility | None = None
    ) -> None:  # fmt: skip
        """Take no part, and say why; `answer`: what was computed."""
        event.go(DerStage.OPTED_OUT)
        if event.earlier or event.kept is not None:
            event.earlier, event.kept = {}, None
            for setpoint in self.ledger.free(event.request.event_id, now):
                self.party.effect(self.home.runnable(setpoint))
        event.answers_sent += 1
        binding, request_id = answer.joint.binding if answer is not None else (), event.request.request_id
        said = messages.opt_out(
            self.party.name, event.terms, request_id, reason, binding, now, revision=event.answers_sent
        )
        self.party.send(event.edge, said)
        self.party.effect(messages.opted_out(event.terms, reason, binding))

    def anew(self, event: DerEvent, offer: m.Offer, number: int, now: datetime) -> int:
        """Say an answer again under this number, as its id was used before; the number, where it is one."""
        if not number or event.stage not in (DerStage.OFFERED, DerStage.OPTED_OUT):
            return 0
        message_id = messages.offer_id(self.party.name, offer.basis, offer.request_id, number)
        again = offer.model_copy(update={"message_id": message_id, "revision": number, "sent_at": now})
        if offer.basis is m.Basis.OWN:
            event.answers_sent = number
        if offer.opt is m.Opt.IN:
            event.offers[offer.basis] = again
        self.party.send(event.edge, again)
        return number
