"""A device in memory that does all that docs/protocol asks of one, and a bench in its own time; wrong ones are made of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from agents.tools.conform.bench import Overheard
from agents.tools.conform.profile import DeviceProfile
from protocol import messages as m
from protocol.codec import decode, encode
from protocol.errors import RefusedMessage
from protocol.plan import add, covers
from protocol.units import Direction

START = datetime(2026, 1, 14, 9, 0, tzinfo=UTC)
SOON = timedelta(milliseconds=20)
LIMIT_W, RELAXED_W, OWN_W = 2_400, 3_000, 300
"""It gives 3 kW only where its owner's wish is loosened, and takes 300 W by itself."""
METER = "meters/hems-42"
PROFILE = DeviceProfile.model_validate({
    "name": "hems-42", "resources": ("car-42",), "decrease_load_w": RELAXED_W, "meter_topic": METER,
    "features": ("relax", "presence", "capability", "answers_dispatch", "meter"),
})  # fmt: skip
Post = tuple[str, bytes, int, bool]


@dataclass
class Deal:
    """An event at the device."""

    request: m.Request
    offers: dict[str, m.Offer] = field(default_factory=dict)
    award: m.Award | None = None
    followed: dict[int, int] = field(default_factory=dict)
    begun_wh: dict[int, float] = field(default_factory=dict)
    own_wh: dict[int, float] = field(default_factory=dict)
    reported: dict[int, m.Reading] = field(default_factory=dict)
    reports: int = 0
    done: bool = False

    def at(self, slot: int) -> datetime:
        return self.request.interval_period.slot_start(slot)

    def instants(self) -> list[datetime]:
        return [] if self.award is None else [self.at(n) for n in range(len(self.request.power_w) + 1)]


class TrialDevice:
    """Right in all that is looked at."""

    ids = count(1)

    def __init__(self) -> None:
        self.now, self.power_w, self.energy_wh = START, float(OWN_W), 0.0
        self.deals: dict[str, Deal] = {}
        self.answers: dict[str, tuple[bytes, list[Post]]] = {}
        self.posts: list[Post] = []
        self.looked_at = START

    # -- what the bench calls

    def starts(self, now: datetime) -> None:
        self.now = self.looked_at = now
        self.say(
            m.Presence(message_id=self.new_id("online"), sent_at=now, online=True, software="trial"), retained=True
        )
        period = m.IntervalPeriod(start=now)
        band = m.PowerBand(p10_w=(0,), p50_w=(0,), p90_w=(LIMIT_W,), p10_wh=0, p50_wh=0, p90_wh=1200)
        told = m.Capability(
            message_id=self.new_id("capability"), sent_at=now, interval_period=period, increase_load=band,
            decrease_load=band, valid_until=now + timedelta(days=1),
        )  # fmt: skip
        self.say(told, retained=True)
        self.meter()

    def will(self) -> Post:
        will = m.Presence(message_id=self.new_id("offline"), sent_at=self.now, online=False)
        return f"dr/presence/{PROFILE.parent}/{PROFILE.name}", encode(will), 1, True

    def due(self) -> datetime | None:
        return min((at for deal in self.deals.values() for at in deal.instants() if at > self.looked_at), default=None)

    def hears(self, topic: str, payload: bytes, now: datetime) -> None:
        self.passes(now)
        if not payload:
            return
        try:
            edge, message = decode(topic, payload)
        except RefusedMessage as refusal:
            self.refuse(topic.split("/")[1], refusal.message_id, refusal)
            return
        if edge.parent != PROFILE.parent or isinstance(message, m.Reject):
            return
        known, said = self.answers.get(message.message_id, (payload, []))
        if message.message_id in self.answers and known == payload:
            self.posts += said
            return
        before = len(self.posts)
        try:
            if known != payload:
                raise RefusedMessage(m.RejectReason.CONFLICT, "another body under a known id")
            getattr(self, f"on_{message.kind}")(message)
            self.answers[message.message_id] = payload, self.posts[before:]
        except RefusedMessage as refusal:
            self.refuse(message.kind, message.message_id, refusal)

    def passes(self, now: datetime) -> None:
        """Come to an instant: power flows, slots begin and end."""
        self.energy_wh += self.power_w * (now - self.now).total_seconds() / 3600
        self.now = now
        for deal in list(self.deals.values()):
            self.look_at_slots(deal)
        self.looked_at = now
        self.set_power()

    # -- the negotiation

    def on_request(self, request: m.Request) -> None:
        known = self.deals.get(request.event_id)
        if known is not None and (request.revision, request.round) <= (known.request.revision, known.request.round):
            raise RefusedMessage(m.RejectReason.STALE, "a later one is known")
        if self.now > request.reply_by:
            raise RefusedMessage(m.RejectReason.EXPIRED, "after reply_by")
        deal = Deal(request)
        if known is not None and known.request.revision == request.revision:
            deal.offers = known.offers
        self.deals[request.event_id] = deal
        self.offer(deal, self.least(request.power_w, self.free_w(request)), m.Basis.OWN)

    def least(self, *plans: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(min(powers) for powers in zip(*plans, strict=True))

    def free_w(self, request: m.Request) -> tuple[int, ...]:
        """What other deals leave of the limit, W a slot."""
        if request.direction is Direction.INCREASE_LOAD:
            return (0,) * len(request.power_w)
        others = [deal for deal in self.deals.values() if deal.request.event_id != request.event_id and deal.award]
        period, left = request.interval_period, []
        for slot in range(len(request.power_w)):
            start, end = period.slot_start(slot), period.slot_start(slot + 1)
            held = [
                power_w
                for deal in others
                for place, power_w in enumerate(deal.award.power_w if deal.award is not None and not deal.done else ())
                if deal.at(place) < end and deal.at(place + 1) > start
            ]
            left.append(max(0, LIMIT_W - max(held, default=0)))
        return tuple(left)

    def offer(self, deal: Deal, power_w: tuple[int, ...], basis: m.Basis) -> None:
        request, gives = deal.request, any(power_w)
        resource = m.Resource(resource_id="car-42", kind=m.ResourceKind.VEHICLE, power_w=power_w, relaxable=True)
        offer = m.Offer(
            **self.head("offer", request), opt=m.Opt.IN if gives else m.Opt.OUT, power_w=power_w, available_w=power_w,
            opt_reason=m.OptReason.PARTICIPATING if gives else m.OptReason.MUST_RUN, basis=basis, resources=(resource,),
            binding=tuple(
                None if gave >= asked else m.Restriction.POWER_LIMIT
                for gave, asked in zip(power_w, request.power_w, strict=True)
            ),
            valid_until=request.interval_period.start,
        )  # fmt: skip
        deal.offers[offer.message_id] = offer
        self.say(offer)

    def on_relax(self, relax: m.Relax) -> None:
        deal = self.deal(relax)
        own = next(one for one in reversed(deal.offers.values()) if one.basis is m.Basis.OWN)
        most_w = add(own.power_w, relax.shortfall_w)
        self.offer(deal, self.least(most_w, (RELAXED_W,) * len(most_w)), m.Basis.RELAXED)

    def deal(self, message: m.EventMessage) -> Deal:
        if message.event_id not in self.deals:
            raise RefusedMessage(m.RejectReason.UNKNOWN_EVENT, "no such event")
        return self.deals[message.event_id]

    def on_award(self, award: m.Award) -> None:
        deal = self.deal(award)
        if deal.award is not None and award.revision <= deal.award.revision:
            raise RefusedMessage(m.RejectReason.STALE, "a later award is known")
        offer = deal.offers.get(award.accepts or "")
        kept = offer is not None and covers(offer.power_w, award.power_w)
        kept = kept and (deal.award is not None or self.is_valid(offer))
        if award.outcome is not m.Outcome.CONCLUDED:
            self.ends(deal)
            deal.award, kept = award, True
            deal.done = True
        elif kept:
            deal.award = award
        self.confirm(deal, award, kept)

    def is_valid(self, offer: m.Offer | None) -> bool:
        return offer is not None and self.now <= offer.valid_until

    def ends(self, deal: Deal) -> None:
        """The award is cancelled: control ends, and what flowed in the slot under way is told."""
        for slot in set(deal.followed) & set(deal.begun_wh) - set(deal.reported):
            seconds = (self.now - deal.at(slot)).total_seconds()
            told = self.reading(deal, slot, self.energy_wh - deal.begun_wh[slot], OWN_W * seconds / 3600)
            self.report(deal, told.model_copy(update={"state": m.EventStatus.CANCELLED}))
        deal.followed.clear()
        self.set_power()

    def confirm(self, deal: Deal, award: m.Award, accepted: bool) -> None:
        head = self.head("confirm", deal.request) | {"revision": award.revision}
        self.say(
            m.Confirm(**head, award_id=award.award_id, accepted=accepted, reason="" if accepted else "not offered")
        )

    # -- control

    def on_dispatch(self, dispatch: m.Dispatch) -> None:
        deal = self.deal(dispatch)
        if dispatch.slot in deal.reported:
            self.report(deal, deal.reported[dispatch.slot])
            return
        if deal.award is None or deal.done or deal.award.award_id != dispatch.award_id:
            raise RefusedMessage(m.RejectReason.UNKNOWN_AWARD, "no such award stands")
        if abs(dispatch.power_w) > deal.award.power_w[dispatch.slot]:
            raise RefusedMessage(m.RejectReason.ABOVE_REQUEST, "above the award")
        self.follow(deal, dispatch)
        if dispatch.answer:
            head = self.head("report", deal.request) | {"revision": len(deal.request.power_w) + 1}
            self.say(m.Report(**head, resource_id="car-42", readings=(), slot=dispatch.slot, state=m.EventStatus.NEAR))

    def follow(self, deal: Deal, dispatch: m.Dispatch) -> None:
        deal.followed[dispatch.slot] = dispatch.power_w
        self.set_power()

    def wanted_w(self) -> float:
        """Own schedule, and what is followed now."""
        return OWN_W + sum(
            power_w
            for deal in self.deals.values()
            for slot, power_w in deal.followed.items()
            if deal.at(slot) <= self.now < deal.at(slot + 1)
        )

    def set_power(self) -> None:
        wanted_w = self.wanted_w()
        if wanted_w != self.power_w:
            self.power_w = wanted_w
            self.meter()

    def meter(self) -> None:
        self.posts.append((METER, str(self.power_w).encode(), 0, False))

    def look_at_slots(self, deal: Deal) -> None:
        if deal.award is None or deal.done:
            return
        for slot in range(len(deal.request.power_w)):
            if deal.at(slot) <= self.now:
                deal.begun_wh.setdefault(slot, self.energy_wh)
            if deal.at(slot + 1) <= self.now and slot not in deal.reported:
                seconds = deal.request.interval_period.duration.total_seconds()
                self.report(
                    deal, self.reading(deal, slot, self.energy_wh - deal.begun_wh[slot], OWN_W * seconds / 3600)
                )

    def reading(self, deal: Deal, slot: int, energy_wh: float, baseline_wh: float) -> m.Reading:
        last = slot + 1 == len(deal.request.power_w)
        state = m.EventStatus.COMPLETED if last else m.EventStatus.ACTIVE
        return m.Reading(slot=slot, energy_wh=round(energy_wh), baseline_wh=round(baseline_wh), state=state)

    def report(self, deal: Deal, reading: m.Reading) -> None:
        deal.reported[reading.slot] = reading
        deal.reports += 1
        head = self.head("report", deal.request) | {"revision": deal.reports}
        self.say(m.Report(**head, resource_id="car-42", readings=(reading,)))

    # -- saying

    def new_id(self, kind: str) -> str:
        return f"hems-42.{kind}.{next(self.ids)}"

    def head(self, kind: str, request: m.Request) -> dict[str, Any]:
        return {
            "message_id": self.new_id(kind), "sent_at": self.now, "event_id": request.event_id,
            "request_id": request.request_id, "round": request.round, "revision": 1,
        }  # fmt: skip

    def say(self, message: m.Message, retained: bool = False) -> None:
        self.post(f"dr/{message.kind}/{PROFILE.parent}/{PROFILE.name}", json.loads(encode(message)), retained)

    def post(self, topic: str, body: dict[str, Any], retained: bool = False) -> None:
        self.posts.append((topic, json.dumps(body).encode(), 1, retained))

    def refuse(self, kind: str, message_id: str | None, refusal: RefusedMessage) -> None:
        said = m.Reject(
            message_id=self.new_id("reject"), sent_at=self.now, refused_id=message_id, refused_kind=kind,
            refused_by=m.Side.CHILD, reason=refusal.reason, text=refusal.text[:500],
        )  # fmt: skip
        self.say(said)


class VirtualBench:
    """A broker, a clock and the device, in no time."""

    has = frozenset({"open", "process"})

    def __init__(self, make: Callable[[], TrialDevice], metered: bool = True) -> None:
        self._make, self._now, self._metered = make, START, metered
        self._waiting: list[Overheard] = []
        self._standing: dict[str, bytes] = {}
        self.device: TrialDevice | None = make()
        self.device.starts(START)
        self._collect()

    def now(self) -> datetime:
        return self._now

    async def publish(self, topic: str, payload: bytes, retained: bool = False) -> None:
        if retained:
            self._stand(topic, payload)
        self._pass(self._now + SOON)
        if self.device is not None:
            self.device.hears(topic, payload, self._now)
            self._collect()

    async def next(self, until: datetime) -> Overheard | None:
        while not self._waiting:
            due = None if self.device is None else self.device.due()
            if due is None or due > until:
                self._pass(until)
                return None
            self._pass(due)
        return self._waiting.pop(0)

    async def standing(self) -> list[Overheard]:
        return [Overheard(self._now, topic, payload, 1, True) for topic, payload in self._standing.items() if payload]

    async def restart_broker(self) -> None:
        self._standing.clear()
        if self.device is not None:
            self.device.starts(self._now)
            self._collect()

    async def kill_device(self) -> None:
        assert self.device is not None
        topic, payload, _, retained = self.device.will()
        self.device = None
        if retained:
            self._stand(topic, payload)
        self._waiting.append(Overheard(self._now, topic, payload))

    async def start_device(self) -> None:
        self.device = self._make()
        self.device.starts(self._now)
        for topic, payload in list(self._standing.items()):
            if topic.startswith("dr/request/"):
                self.device.hears(topic, payload, self._now)
        self._collect()

    async def revive_device(self) -> None:
        return

    def _pass(self, at: datetime) -> None:
        """Every instant at which the device has something to do, one after the other."""
        while self.device is not None and (due := self.device.due()) is not None and due <= at:
            self._now = max(self._now, due)
            self.device.passes(self._now)
            self._collect()
        self._now = max(self._now, at)

    def _stand(self, topic: str, payload: bytes) -> None:
        self._standing[topic] = payload

    def _collect(self) -> None:
        assert self.device is not None
        for topic, payload, qos, retained in self.device.posts:
            if retained:
                self._stand(topic, payload)
            if topic != METER or self._metered:
                self._waiting.append(Overheard(self._now, topic, payload, qos))
        self.device.posts.clear()
