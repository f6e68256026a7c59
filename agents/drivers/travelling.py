"""A simulated vehicle that lives for years: it drives away with what it has, uses energy, and comes back."""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from agents.devices.contract import hours
from agents.devices.pv_surplus import PvSurplus
from agents.drivers.calendar import Journey, journeys_of, zone_of
from agents.drivers.simulated import VehiclePhysics
from agents.settings.devices import VehicleSpec
from protocol.units import LAST_AT

REMEMBERED = 1_000
"""Departures."""
AHEAD = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Departed:
    """With what a vehicle has driven away."""

    at: datetime
    energy_wh: float
    wanted_wh: int
    agreed_wh: int
    """The least that its owner has agreed to."""
    reachable_wh: float
    """What charging at full power from its arrival on would have reached."""

    @property
    def is_kept(self) -> bool:
        """Whether it has what its owner agreed to, or as much of it as there was time for."""
        return self.energy_wh >= min(self.agreed_wh, self.reachable_wh) - 1


class RelayCount:
    """Counts what the system main relay does in a day of a zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._day: date | None = None
        self.closed = False
        self._count = 0

    def be(self, closed: bool, at: datetime) -> None:
        """It is closed (or open) from an instant on."""
        self._count = self.today(at) + (closed != self.closed)
        self.closed = closed

    def restore(self, count: int, closed: bool, at: datetime) -> None:
        """So many operations were counted on the day of an instant."""
        self._day, self._count, self.closed = at.astimezone(self._zone).date(), count, closed

    def today(self, at: datetime) -> int:
        """Operations so far on the day of an instant."""
        day = at.astimezone(self._zone).date()
        if day != self._day:
            self._day, self._count = day, 0
        return self._count


class TravellingVehicle(VehiclePhysics):
    """Its stays follow the owner's plan, one after the other."""

    def __init__(self, spec: VehicleSpec, surplus: PvSurplus | None = None) -> None:
        super().__init__(spec, surplus)
        self.departures: deque[Departed] = deque(maxlen=REMEMBERED)
        self.skipped: Collection[date] = frozenset()
        """Days on which its owner does not drive, against the plan."""
        self.relay = RelayCount(zone_of(spec))
        self._begun = max(spec.plugs_in_at, spec.state_at), self.energy_wh
        self._reached_at = self._begun[0]
        """Departures until then have taken place, or were skipped."""
        self._journeys = self._after(max(spec.plugs_in_at, spec.state_at))
        self._ahead: deque[Journey] = deque()
        self._stay_until_next()

    def skip(self, days: Collection[date]) -> None:
        """Its owner does not drive on these days."""
        if set(days) == set(self.skipped):
            return
        self.skipped = frozenset(days)
        planned_at, departs_at = self._ahead[0].departs_at, self.departs_at
        reached_at = min(self._reached_at, planned_at - timedelta(microseconds=1))  # it may be put off
        self._journeys, self._ahead = self._after(max(self.spec.plugs_in_at, reached_at)), deque()
        self._stay_until_next()
        if self.departs_at == planned_at:
            self.departs_at = departs_at

    def restore(self, plugs_in_at: datetime, departs_at: datetime) -> None:
        """Be in an earlier stay again; a departure before its end was skipped."""
        self.spec = self.spec.model_copy(update={"plugs_in_at": plugs_in_at})
        putting_off = timedelta(seconds=max(self.spec.agreed("plug_window"), default=0))
        self._reached_at = max(plugs_in_at, departs_at - putting_off - timedelta(microseconds=1))
        self._journeys, self._ahead = self._after(self._reached_at), deque()
        self._stay_until_next()
        self.departs_at, self._begun = departs_at, (plugs_in_at, self.energy_wh)

    def next_turn(self, after: datetime) -> datetime:
        """When it is plugged in, or leaves, next."""
        return min((at for at in (self.spec.plugs_in_at, self.departs_at) if at > after), default=self.departs_at)

    def is_plugged(self, at: datetime) -> bool:
        """Whether it is connected; what was to come until then has come."""
        self._turn(at)
        return self.spec.plugs_in_at <= at < self.departs_at

    def edges(self, start: datetime, end: datetime) -> list[datetime]:
        while not self._ahead or self._ahead[-1].departs_at <= end:
            self._ahead.append(next(self._journeys))
        coming = {at for one in self._ahead for at in (one.departs_at, one.back_at)}
        put_off = self.latest_at - self.spec.departs_at
        coming |= {one.departs_at + put_off for one in self._ahead}
        coming |= {self.spec.plugs_in_at, self.departs_at, self.turns_at(start)}
        return [at for at in coming if start < at < end] + self.sun_edges(start, end)

    def run(self, power_w: int | None, start: datetime, end: datetime) -> float:
        self._turn(start)
        energy_wh = super().run(power_w, start, end)
        self.relay.be(energy_wh != 0, start)
        if power_w is None and self.energy_wh >= self.spec.departure_soc_wh - 1e-6:
            self.relay.be(False, end)  # it is as full as its owner wants it
        return energy_wh

    def _turn(self, at: datetime) -> None:
        """Leave as often as it has since; what it comes back with is in it from then on."""
        while at >= self.departs_at:
            self._leave()
        self._reached_at = max(self._reached_at, at)

    def _leave(self) -> None:
        spec, gone = self.spec, self._ahead.popleft()
        self.relay.be(False, self.departs_at)
        begun_at, begun_wh = self._begun
        gain_w = max(0.0, spec.max_charge_w * spec.charge_efficiency_pct / 100 - spec.standby_w)
        reachable_wh = begun_wh + gain_w * hours(max(timedelta(), spec.departs_at - begun_at))
        agreed_wh = min([spec.departure_soc_wh, *spec.agreed("departure_soc")])
        wanted_wh = spec.departure_soc_wh
        self.departures.append(Departed(self.departs_at, self.energy_wh, wanted_wh, agreed_wh, reachable_wh))
        used_wh = 0 if gone.told.trip_wh is None else gone.told.trip_wh
        arrives_wh = gone.told.arrives_wh
        self.energy_wh = max(0.0, self.energy_wh - used_wh) if arrives_wh is None else float(arrives_wh)
        plugs_in_at = max(gone.back_at, self.departs_at)
        self._begun, self.spec = (plugs_in_at, self.energy_wh), spec.model_copy(update={"plugs_in_at": plugs_in_at})
        self._stay_until_next()

    def _stay_until_next(self) -> None:
        """The present stay (or the coming one) ends with the next departure."""
        while not self._ahead:
            self._ahead.append(next(self._journeys))
        leaves, putting_off = self._ahead[0], max(self.spec.agreed("plug_window"), default=0)
        wanted_wh = self.settings.departure_soc_wh if leaves.told.soc_wh is None else leaves.told.soc_wh
        self.departs_at = leaves.departs_at
        self.latest_at = self.departs_at + timedelta(seconds=putting_off)
        self.spec = self.spec.model_copy(update={"departs_at": self.departs_at, "departure_soc_wh": wanted_wh})

    def _after(self, at: datetime) -> Iterator[Journey]:
        found = journeys_of(self.settings, at, LAST_AT - AHEAD, self.skipped)
        return (one for one in found if one.departs_at > at)
