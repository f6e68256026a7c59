"""What a home's page shows, read from its own journal: what is asked, what it earns, what its devices do and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.history.party import PartyHistory
from agents.history.standing import PartyStage
from agents.negotiation.cause import cause_of
from agents.pages.chronicle import Chronicle, EventRecord
from agents.settings.limits import UnfitLimits, with_limits
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.plan import Plan, energy_wh
from protocol.rules import delivered_wh

OPEN = (PartyStage.CONSIDERING, PartyStage.OFFERED, PartyStage.OPTED_OUT, PartyStage.STANDBY, PartyStage.DELIVERING)
TAKES_PART = (PartyStage.OFFERED, PartyStage.STANDBY, PartyStage.DELIVERING)


@dataclass(frozen=True, slots=True)
class HomeEvent:
    """One event at a home."""

    event_id: str
    request: m.Request
    stage: PartyStage
    outcome: str
    offered_w: Plan | None
    deal_w: Plan | None
    loosened: bool
    """The deal stands on what the owner agreed to loosen."""
    delivered: dict[int, int] = field(default_factory=dict)
    """By slot, Wh in the event's direction."""
    binding: tuple[str, ...] = ()
    """What keeps the devices from giving more."""
    reason: str = ""
    """Why it takes no part."""
    answer_by: datetime | None = None
    """Until when its resident is asked; None: not asked."""
    asked: str = ""
    """The agent's own words of it."""
    left_because: str = ""
    """Why the home left its deal, a `WithdrawalCause`; empty: it did not."""
    estimated: tuple[int, ...] = ()
    """Slots of `delivered` in which a replacement value stands in for one that its meters did not tell."""

    @property
    def start(self) -> datetime:
        return self.request.interval_period.start

    @property
    def end(self) -> datetime:
        return self.request.interval_period.slot_start(len(self.request.power_w))

    @property
    def slot_s(self) -> int:
        return int(self.request.interval_period.duration.total_seconds())

    @property
    def plan_w(self) -> Plan:
        """What it is about at this moment: the deal, else the offer, else the request."""
        return self.deal_w or self.offered_w or self.request.power_w

    @property
    def plan_wh(self) -> int:
        return energy_wh(self.plan_w, self.request.interval_period.duration)

    @property
    def done_wh(self) -> int:
        return sum(self.delivered.values())

    def is_open(self, now: datetime) -> bool:
        return self.stage in OPEN and now < self.end

    def money(self, energy: int) -> str | None:
        """What energy in Wh earns; None where the request names no price."""
        terms = self.request.terms
        if terms.price_milli_per_kwh is None or terms.currency is None:
            return None
        return f"{energy * terms.price_milli_per_kwh / 1_000_000:.2f} {terms.currency}"

    @property
    def final(self) -> bool:
        """Whether no more is to be metered."""
        return self.stage is PartyStage.CLOSED

    def left_wh(self, now: datetime) -> int:
        """Of the deal, in the slots that are to come."""
        period = self.request.interval_period
        coming = [
            power_w for slot, power_w in enumerate(self.deal_w or ()) if period.slot_start(slot + 1) > now
        ]  # fmt: skip
        return energy_wh(tuple(coming), period.duration) if coming else 0


@dataclass(frozen=True, slots=True)
class HomeDevice:
    """A device, what it does now, and for which event; `power_w` None: its own plan."""

    resource_id: str
    kind: str
    power_w: int | None
    until: datetime | None
    because: str
    """The event; empty: none."""
    trouble: str
    """Why it is not counted on; empty: it is."""
    soc_wh: int | None
    capacity_wh: int | None
    plugged: bool | None
    departs_at: datetime | None
    spec: Any

    @property
    def soc_pct(self) -> int | None:
        if self.soc_wh is None or not self.capacity_wh:
            return None
        return self.soc_wh * 100 // self.capacity_wh


@dataclass(frozen=True, slots=True)
class HomeLimit:
    """A limit that holds always, by the name of what it limits; `loosened`: what it may be instead when that is asked for."""

    resource_id: str
    name: str
    value: int | float
    of: int | None = None
    """The capacity, Wh, where the value is energy."""
    loosened: int | float | None = None
    at: datetime | None = None


def home_events(name: str, chronicle: Chronicle, questions: dict[str, dict[str, Any]]) -> list[HomeEvent]:
    """The newest first. `questions`: what its agent asks at this moment, by event."""
    found = []
    for event_id, record in chronicle.records.items():
        event, request = chronicle.event(event_id), record.requests.get(name)
        party = event.parties.get(name) if event is not None else None
        if request is not None:
            party = party or PartyHistory(name)  # it has told nothing while its resident considers
            found.append(_event(name, event_id, record, request, party, questions.get(event_id)))
    return sorted(found, key=lambda one: one.start, reverse=True)


def _event(
    name: str, event_id: str, record: EventRecord, request: m.Request, party: PartyHistory, asked: dict[str, Any] | None
) -> HomeEvent:
    told = _readings(name, record, request)
    same = bool(party.rounds) and len(party.rounds[-1].requested_w) == len(request.power_w)
    offered_w = party.rounds[-1].answered_w if same else None
    binding: tuple[str, ...] = ()
    reason, basis = "", ""
    for line in record.lines:
        if line.party != name:
            continue
        if line.name in ("offered", "opted_out"):
            binding = tuple(dict.fromkeys(str(one) for one in line.data.get("binding", ()) if one is not None))
            reason = str(line.data.get("reason", ""))
        elif line.name == "standing_by":
            basis = str(line.data.get("basis", ""))
    return HomeEvent(
        event_id, request, party.stage, party.outcome, offered_w, party.deal_w, basis == "relaxed",
        _delivered(request, told), binding, reason,
        datetime.fromisoformat(str(asked["answer_by"])) if asked is not None else None,
        str(asked["text"]) if asked is not None else "", _left_because(name, record), _estimated(told),
    )  # fmt: skip


def _left_because(name: str, record: EventRecord) -> str:
    """By the last withdrawal of the home."""
    for line in reversed(record.messages):
        if not line.down and line.edge.child == name and isinstance(line.message, m.Withdraw):
            return cause_of(line.message.cause)
    return ""


def _readings(name: str, record: EventRecord, request: m.Request) -> list[m.Reading]:
    """What its meters have told its parent, the newest of each resource and slot."""
    readings: dict[tuple[str, int], m.Reading] = {}
    parents = [line.edge.parent for line in record.messages if isinstance(line.message, m.Request)]
    for line in record.messages:
        message = line.message
        mine = not line.down and line.edge.child == name and line.edge.parent in parents
        if mine and isinstance(message, m.Report) and message.request_id == request.request_id:
            for reading in message.readings:
                readings[message.resource_id, reading.slot] = reading
    return list(readings.values())


def _delivered(request: m.Request, readings: list[m.Reading]) -> dict[int, int]:
    found: dict[int, int] = {}
    for one in readings:
        found[one.slot] = found.get(one.slot, 0) + delivered_wh(request.direction, one.energy_wh, one.baseline_wh)
    return found


def _estimated(readings: list[m.Reading]) -> tuple[int, ...]:
    return tuple(sorted({one.slot for one in readings if one.reading_type is m.ReadingType.ESTIMATED}))


def home_devices(
    name: str,
    chronicle: Chronicle,
    events: list[HomeEvent],
    now: datetime,
    limits: Mapping[str, Mapping[str, object]] | None = None,
) -> list[HomeDevice]:
    """What each device does now. Of any kind: what it does not have is not shown. `limits`: what holds otherwise than the
    settings say, by device."""
    settings = chronicle.settings.get(name)
    if not isinstance(settings, DerSettings):
        return []
    delivering = [one for one in events if one.stage is PartyStage.DELIVERING]
    within = [one for one in delivering if one.start <= now < one.end]
    running = next((one.event_id for one in (*within, *delivering)), "")
    return [_device(name, _limited(spec, limits or {}), chronicle, running, now) for spec in settings.devices]


def _limited(spec: Any, limits: Mapping[str, Mapping[str, object]]) -> Any:
    """With the limits that hold now; those that do not fit are of an earlier version of the settings."""
    try:
        return with_limits(spec, limits.get(spec.resource_id, {}))
    except UnfitLimits:
        return spec


def _device(name: str, spec: Any, chronicle: Chronicle, running: str, now: datetime) -> HomeDevice:
    key = name, spec.resource_id
    told, order = chronicle.readings.get(key), chronicle.setpoints.get(key)
    holds = order is not None and order.power_w is not None and order.at <= now < order.until
    plan = chronicle.plans.get(key)
    stays = [stay.departs_at for stay in plan.stays if stay.departs_at > now] if plan is not None else []
    departs_at = stays[0] if stays else getattr(spec, "departs_at", None)
    return HomeDevice(
        spec.resource_id, str(spec.kind),
        order.power_w if order is not None and holds else None, order.until if order is not None and holds else None,
        running if holds else "", told.fault or "" if told is not None else "",
        told.soc_wh if told is not None and told.soc_wh is not None else getattr(spec, "soc_wh", None),
        getattr(spec, "capacity_wh", None), told.plugged if told is not None else None, departs_at, spec,
    )  # fmt: skip


def home_limits(devices: list[HomeDevice]) -> Iterator[HomeLimit]:
    """By what a device's settings say, whatever its kind."""
    for device in devices:
        spec, capacity_wh = device.spec, device.capacity_wh
        agreed = {one.restriction: one.steps[-1] for one in getattr(spec, "relaxations", ())}
        energy = (("departure_soc_wh", "departure_soc"), ("reserve_wh", "reserve_soc"), ("least_wh", ""))
        for key, restriction in energy:
            value = getattr(spec, key, None)
            if value:
                at = device.departs_at if key == "departure_soc_wh" else None
                yield HomeLimit(device.resource_id, key, value, capacity_wh, agreed.get(restriction), at)
        for key in ("relay_ops_left", "relay_ops_a_day"):
            value = getattr(spec, key, None)
            if value is not None:
                yield HomeLimit(device.resource_id, key, value, loosened=agreed.get("relay_ops"))
        steps = getattr(spec, "comfort_steps_k", ())
        for key, sign in (("least_c", -1), ("most_c", 1)):
            value = getattr(spec, key, None)
            if value is not None:
                yield HomeLimit(device.resource_id, key, value, loosened=value + sign * steps[-1] if steps else None)
