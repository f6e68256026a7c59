"""What a party could probably get from below in some slots: by what children told, else by their contracts. A look at
what is known: nobody is asked, nothing is sent or stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from agents.negotiation.booked import BookedParty
from agents.negotiation.parent import ParentParty
from agents.negotiation.plans.capability import Probable, probable
from agents.parties.aggregator.actor import Aggregator
from agents.parties.coordinator.actor import Coordinator
from agents.parties.utility.actor import Utility
from agents.runtime.shell import Shell
from agents.settings.members import Member
from protocol.messages import IntervalPeriod
from protocol.plan import add, zero
from protocol.units import Direction


@dataclass(frozen=True, slots=True)
class Preview:
    """Of one party; W per slot with 90 %, 50 % and 10 % certainty."""

    could: Probable
    told: int
    """Children that have told it themselves."""
    by_contract: int
    """Children of which only the contract is known: nothing of it is sure."""
    unknown: tuple[str, ...]
    """Children of which nothing is known; they are not in the sum."""

    def as_json(self, name: str, role: str) -> dict[str, object]:
        """For the control socket."""
        could = {key: list(getattr(self.could, key)) for key in ("p10_w", "p50_w", "p90_w")}
        counts = {"told": self.told, "by_contract": self.by_contract, "unknown": list(self.unknown)}
        return {"name": name, "role": role, **could, **counts}


def preview(shell: Shell, direction: Direction, period: IntervalPeriod, slots: int) -> Preview | None:
    """What the party of a shell could probably get; None for one that asks nobody."""
    actor, now = shell.actor, shell.clock.now()
    if not isinstance(actor, ParentParty):
        return None
    sums, unknown = [zero(slots)] * 3, []
    told = by_contract = 0
    for member in _members(actor):
        said = shell.stepper.told.get(member.name)
        could = None
        if said is not None and said.valid_until > now:
            could = probable(said, direction, period, slots, now)
        told += could is not None
        capacity_w = member.capacity_w(direction)
        if could is None and capacity_w:
            by_contract += 1
            could = _by_contract(capacity_w, _expected_pct(actor, member, now), slots)
        if could is None:
            unknown.append(member.name)
            continue
        sums = [add(a, b) for a, b in zip(sums, (could.p10_w, could.p50_w, could.p90_w), strict=True)]
    own_w = _own_w(actor, direction, period, slots, now)
    return Preview(Probable(*(add(one, own_w) for one in sums)), told, by_contract, tuple(unknown))


def _members(actor: ParentParty) -> Iterable[Member]:
    match actor:
        case Aggregator() | Coordinator():
            return actor.book.members
        case Utility():
            return [Member(name=name, kind="aggregator") for name in actor.settings.children]
    raise TypeError(f"nobody knows whom {actor.name} asks")


def _by_contract(capacity_w: int, reliability_pct: int, slots: int) -> Probable:
    """A contract promises nothing: it is as probable as its party has said yes so far."""
    return Probable(zero(slots), (capacity_w * reliability_pct // 100,) * slots, (capacity_w,) * slots)


def _expected_pct(actor: ParentParty, member: Member, now: datetime) -> int:
    return actor.expected_pct(member, now) if isinstance(actor, BookedParty) else member.reliability_pct


def _own_w(
    actor: ParentParty, direction: Direction, period: IntervalPeriod, slots: int, now: datetime
) -> tuple[int, ...]:
    """Of its own storage, beside what events hold, W."""
    if not isinstance(actor, Aggregator) or not actor.counts_own_storage or period.start < now:
        return zero(slots)
    yard = actor.own_storage
    most_w = sum(device.capacity_w(direction) for device in yard.home.devices)
    return yard.home.flexibility(direction, period, (most_w,) * slots, yard.ledger.but("")).joint.power_w
