"""What weeks and years of a scenario come to, counted as they go: no event is kept that is over."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.drivers.telling import TellingDriver
from agents.drivers.travelling import Departed, TravellingVehicle
from agents.history.fold import History
from agents.history.standing import LOST
from agents.parties.der.actor import Der
from agents.parties.der.without_event import WithoutEvent
from agents.settings.scenario import Scenario
from agents.tools.tables import print_table
from broker.simulation import Simulation
from protocol.actor import Note
from protocol.units import Direction

LONG = timedelta(days=4)
"""A scenario that lasts longer is told in sums."""


class Life:
    """Hears the notes of a long run, and looks at meters and vehicles."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.outcomes: Counter[str] = Counter()
        """Of the utility's events."""
        self._open = History()
        """Of the utility, until they end."""
        self.told_wh: Counter[str] = Counter()
        """`awarded` and `delivered`, as the utility tells it."""
        self.moved_wh: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By kind of device and direction: what the devices' own meters read against the declared schedules."""
        self.simulation: Simulation | None = None
        self._kinds = {spec.resource_id: spec.kind for home in scenario.homes for spec in home.devices}

    def tell(self, at: datetime, who: str, note: Note) -> None:
        """Take a note."""
        if who == self.scenario.utility.name:
            if note.name == "event_issued" or note.event_id in self._open.events:
                self._open.take_note(who, note)
            if note.name == "closed":
                event = self._open.events.pop(note.event_id, None)
                self.outcomes[event.parties[who].ending if event is not None else str(note.data["outcome"])] += 1
            elif note.name == "settled":
                self.told_wh["awarded"] += _whole(note.data["awarded_wh"])
                self.told_wh["delivered"] += _whole(note.data["delivered_wh"])
        elif note.name == "closed" and note.data["outcome"] == "completed" and self.simulation is not None:
            actor = self.simulation.actor(who)
            if isinstance(actor, Der):
                self._metered(actor, note.event_id)

    def _metered(self, home: Der, event_id: str) -> None:
        event = home.events[event_id]
        held, direction = event.accepted, event.request.direction
        if held is None:
            return
        for name in (device.resource_id for device in home.home.devices):
            rest_wus = 0
            for slot, read in sorted(event.measured.items()):
                baseline_wh, rest_wus = WithoutEvent(held).baseline_wh((read[name],), slot, rest_wus)
                change_wh = (read[name].energy_wh or 0) - baseline_wh
                self.moved_wh[self._kinds[name], direction.value] += direction.sign * change_wh

    def departures(self) -> Iterator[tuple[str, Departed]]:
        """All of the vehicles that live by a plan."""
        for resource_id, vehicle in vehicles(self.simulation):
            for one in vehicle.departures:
                yield resource_id, one

    def summary(self) -> dict[str, Any]:
        """The sums."""
        departures = [one for _, one in self.departures()]
        kept = sum(one.is_kept for one in departures)
        concluded, events = self.outcomes["concluded"], sum(self.outcomes.values())
        return {
            "scenario": self.scenario.name,
            "deal": concluded > 0,
            "lost": self.outcomes[LOST] > 0,
            "stands": False,
            "stopped": False,
            "events": events,
            "outcomes": dict(self.outcomes),
            "concluded_pct": round(100 * concluded / events) if events else 0,
            "awarded_wh": self.told_wh["awarded"],
            "delivered_wh": self.told_wh["delivered"],
            "metered_wh": sum(self.moved_wh.values()),
            "moved_wh": {f"{kind} {direction}": wh for (kind, direction), wh in sorted(self.moved_wh.items())},
            "departures": len(departures),
            "departures_as_agreed": kept,
            "departures_with_less_than_wanted": sum(one.energy_wh < one.wanted_wh - 1 for one in departures),
        }


def vehicles(simulation: Simulation | None) -> Iterator[tuple[str, TravellingVehicle]]:
    """The simulated vehicles that live by a plan."""
    for node in simulation.nodes.values() if simulation is not None else ():
        for resource_id, driver in node.stepper.drivers.items():
            if isinstance(driver, TellingDriver) and driver.vehicle is not None:
                yield resource_id, driver.vehicle


def show(summary: dict[str, Any], console: Console) -> None:
    """The sums for people."""
    outcomes = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in summary["outcomes"].items())
    console.print(f"{summary['events']} requests: {outcomes} ({summary['concluded_pct']} % concluded)")
    told, metered, awarded = (summary[key] / 1000 for key in ("delivered_wh", "metered_wh", "awarded_wh"))
    console.print(f"told as delivered: {told:.1f} kWh of {awarded:.1f} awarded; the devices' meters: {metered:.1f} kWh")
    console.print(
        f"{summary['departures']} departures: {summary['departures_as_agreed']} with what their owners agreed to, "
        f"{summary['departures_with_less_than_wanted']} with less than they want"
    )
    table = Table("kind of device", *(direction.value.replace("_", " ") for direction in Direction))
    kinds = dict.fromkeys(key.split(" ")[0] for key in summary["moved_wh"])
    for kind in kinds:
        moved = (summary["moved_wh"].get(f"{kind} {direction.value}", 0) / 1000 for direction in Direction)
        table.add_row(kind, *(f"{kwh:.1f} kWh" for kwh in moved))
    print_table(console, table)


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
