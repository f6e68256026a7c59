"""What is known of a running system from the notes of its parties: who stands where, and what came of it.

The same for a live run, where notes come as log lines, and a simulated one.
"""

from collections import Counter
from dataclasses import asdict
from typing import Any

from agents.history.fold import EventHistory, History
from agents.history.line import NoteLine
from agents.history.party import PartyHistory
from agents.history.standing import LOST
from agents.settings.daemon import Role
from agents.settings.scenario import Scenario

COUNTED = ("late_answer_recorded", "message_refused", "award_lost", "withdrawn", "shortfall_stated")
"""Notes whose number stands in the summary."""


class Board:
    """Takes notes; the history and the summary can be read at any time. Homes are counted at their aggregators."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.roles: dict[str, Role] = {scenario.utility.name: Role.UTILITY, scenario.coordinator.name: Role.COORDINATOR}
        self.roles |= {settings.name: Role.AGGREGATOR for settings in scenario.aggregators}
        self.roles |= {home.name: Role.DER for home in scenario.homes}
        self.history = History()
        self.counts: Counter[str] = Counter()

    def take(self, line: NoteLine) -> None:
        self.counts[line.name] += 1
        if self.roles.get(line.party, Role.DER) is not Role.DER:
            self.history.take_note(line.party, line)

    def rows(self) -> list[PartyHistory]:
        """Every party above the homes in every event that it was asked in, or that ended before."""
        events = self.history.events.values()
        return [party for event in events for party in event.parties.values() if party.rounds or party.outcome]

    def over(self) -> bool:
        """Whether every planned event has ended at every party above the homes that took part in it."""
        events = self.history.events
        planned = [events.get(event.event_id) for event in self.scenario.utility.events]
        return all(event is not None and event.top is not None for event in planned) and all(
            party.outcome for party in self.rows()
        )

    def summary(self, stopped: bool = False) -> dict[str, Any]:
        """The end of the story: JSON types only. `stopped`: by the user, before its end."""
        endings = {row.ending for row in self.rows() if self.roles[row.name] is Role.UTILITY}
        return {
            "scenario": self.scenario.name,
            "deal": "concluded" in endings,
            "lost": LOST in endings,
            "stands": self.history.stands(),
            "stopped": stopped,
            "events": [self._event(event) for event in self.history.events.values()],
            "counts": {name: self.counts[name] for name in COUNTED},
        }

    def _event(self, event: EventHistory) -> dict[str, Any]:
        order, top = list(self.roles), event.top
        return {
            "event_id": event.event_id,
            "outcome": None if top is None else top.ending or top.stage,
            "parties": [
                self._party(row) for row in sorted(event.parties.values(), key=lambda row: order.index(row.name))
            ],
        }

    def _party(self, row: PartyHistory) -> dict[str, Any]:
        role = self.roles[row.name]
        noted: dict[str, Any] = {
            "party": row.name,
            "role": role.value,
            "outcome": row.ending or row.stage,
            "steps": row.steps,
            "requested_w": row.requested_w or None,
            "deal_w": row.deal_w,
            "secured_w": row.secured_w,
            "awarded_wh": row.awarded_wh,
            "delivered_wh": row.delivered_wh,
        }
        if role is Role.AGGREGATOR:
            noted |= asdict(row.answers) | {"late": row.late, "refused": row.refused}
        return noted
