"""What a home could probably give over the next day, and how sure that is: by its devices and by who decides."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from agents.negotiation.plans.capability import DAY_SLOTS, day_from
from agents.parties.der.home import Home
from agents.parties.der.home_flexibility import HomeFlexibility
from agents.parties.der.ledger import Ledger
from agents.settings.parties import Consent, DerSettings
from protocol.messages import Capability, IntervalPeriod, PowerBand, ResourceKind
from protocol.plan import Plan, energy_wh, zero
from protocol.units import Direction

USES = (1, 2, 4, 8, 16, DAY_SLOTS)
"""Slots of a use: over a longer one a car may give less, which has to be charged by its departure."""
NOTHING: Plan = zero(DAY_SLOTS)


def bands(home: Home, ledger: Ledger, now: datetime) -> Mapping[Direction, PowerBand]:
    """In both directions: each slot by itself, and the most energy of one use. What hangs on a forecast of the sun is not
    sure."""
    with home.seen_at(now):
        return _bands(home, ledger, now)


def _bands(home: Home, ledger: Ledger, now: datetime) -> Mapping[Direction, PowerBand]:
    period, held = day_from(now), ledger.but("")

    def given(direction: Direction, first: int, slots: int) -> HomeFlexibility:
        most_w = sum(device.capacity_w(direction) for device in home.devices)
        part = IntervalPeriod(start=period.slot_start(first), duration=period.duration)
        return home.flexibility(direction, part, (most_w,) * slots, held)

    found = {}
    for direction in Direction:
        alone = [given(direction, slot, 1) for slot in range(DAY_SLOTS)]
        first = next((slot for slot, one in enumerate(alone) if one.joint.power_w[0]), 0)
        uses = [given(direction, first, slots) for slots in USES if first + slots <= DAY_SLOTS]
        all_w = tuple(one.joint.power_w[0] for one in alone)
        sure_w = tuple(_sure_w(one)[0] for one in alone)
        all_wh = max(energy_wh(one.joint.power_w, period.duration) for one in uses)
        sure_wh = max(energy_wh(_sure_w(one), period.duration) for one in uses)
        found[direction] = PowerBand(
            p10_w=sure_w, p50_w=all_w, p90_w=all_w, p10_wh=sure_wh, p50_wh=all_wh, p90_wh=all_wh
        )
    return found


def _sure_w(answer: HomeFlexibility) -> Plan:
    """Without the sun, W."""
    sun = [part.power_w for name, part in answer.parts.items() if answer.kinds[name][0] is ResourceKind.SOLAR]
    return tuple(power - sum(plan[slot] for plan in sun) for slot, power in enumerate(answer.joint.power_w))


def home_capability(settings: DerSettings, home: Home, ledger: Ledger, now: datetime, every_s: int) -> Capability:
    """Where a resident decides nothing is sure, and the stored rule says what is as probable as not."""
    both = bands(home, ledger, now)
    return Capability(
        message_id=f"{settings.name}.capability.{int(now.timestamp())}",
        sent_at=now,
        interval_period=day_from(now),
        increase_load=_decided(both[Direction.INCREASE_LOAD], settings),
        decrease_load=_decided(both[Direction.DECREASE_LOAD], settings),
        valid_until=now + timedelta(seconds=2 * every_s),
    )


def _decided(band: PowerBand, settings: DerSettings) -> PowerBand:
    match settings.consent:
        case Consent.ALWAYS:
            return band
        case Consent.ASK if settings.stored_rule:
            return band.model_copy(update={"p10_w": NOTHING, "p10_wh": 0})
        case Consent.ASK:
            return band.model_copy(update={"p10_w": NOTHING, "p50_w": NOTHING, "p10_wh": 0, "p50_wh": 0})
        case Consent.NEVER:
            return PowerBand(p10_w=NOTHING, p50_w=NOTHING, p90_w=NOTHING, p10_wh=0, p50_wh=0, p90_wh=0)
