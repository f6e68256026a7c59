"""What is known of a running system from the notes of its parties: who stands where, and what came of it.

The same for a live run, where notes come as log lines, and a simulated one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from agents.settings.daemon import Role
from agents.settings.scenario import Scenario
from protocol.actor import Note
from protocol.codec import to_json


@dataclass(frozen=True, slots=True)
class Told:
    """A note with its instant and party, as it stands in a log line: JSON types only."""

    at: datetime
    party: str
    name: str
    event_id: str
    step: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, at: datetime, party: str, note: Note) -> "Told":
        return cls(at, party, note.name, note.event_id, note.step, orjson.loads(to_json(dict(note.data))))

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> "Told | None":
        """From a log line; None when it is no note."""
        try:
            return cls(
                datetime.fromisoformat(line["at"]),
                line["party"],
                line["event"],
                line["event_id"],
                line["step"],
                line["data"],
            )
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(slots=True)
class Row:
    """One party in one event."""

    party: str
    role: Role
    stage: str = ""
    steps: list[str] = field(default_factory=list)
    """The patent's steps that it told, in order, each once."""
    requested_w: list[int] | None = None
    available_w: list[int] | None = None
    deal_w: list[int] | None = None
    asked: int = 0
    yes: int = 0
    no: int = 0
    silent: int = 0
    late: int = 0
    refused: int = 0
    reply_by: datetime | None = None
    awarded_wh: int = 0
    delivered_wh: int = 0
    outcome: str | None = None


STAGES = {
    "event_issued": "issued",
    "plan_sent": "collecting",
    "request_values_sent": "collecting",
    "own_storage_added": "own storage",
    "relax_asked": "relaxing",
    "alternative_proposed": "proposed",
    "can_meet": "can meet",
    "cannot_meet": "cannot meet",
    "alternative_judged": "judging",
    "rerequest_sent": "re-requesting",
    "plan_secured": "secured",
    "plan_not_secured": "short",
    "award_received": "standby",
    "event_awarded": "awarded",
    "awards_sent": "standby",
    "delivering": "delivering",
    "dispatched": "delivering",
    "slot_metered": "delivering",
}
"""The rung or stage that a note stands for."""

ENDS_WAITING = frozenset(
    {
        "can_meet",
        "cannot_meet",
        "alternative_proposed",
        "plan_secured",
        "plan_not_secured",
        "answer_judged",
        "award_received",
    }
)


class Board:
    """Takes notes; rows and the summary can be read at any time."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.roles: dict[str, Role] = {scenario.utility.name: Role.UTILITY, scenario.coordinator.name: Role.COORDINATOR}
        self.roles |= {settings.name: Role.AGGREGATOR for settings in scenario.aggregators}
        self.roles |= {home.name: Role.DER for home in scenario.homes}
        self.rows: dict[tuple[str, str], Row] = {}
        self.counts: Counter[str] = Counter()

    def take(self, told: Told) -> None:
        self.counts[told.name] += 1
        role = self.roles.get(told.party, Role.DER)
        if role is Role.DER or not told.event_id:
            return
        key = (told.event_id, told.party)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row(told.party, role)
        self._note(row, told)

    def _note(self, row: Row, told: Told) -> None:
        data = told.data
        row.stage = STAGES.get(told.name, row.stage)
        if told.step.startswith("S") and told.step not in row.steps:
            row.steps.append(told.step)
        if told.name in ("event_issued", "plan_sent", "request_received"):
            row.requested_w, row.available_w = data.get("requested_w"), None
            row.outcome = None
        for key in ("available_w", "secured_w", "offered_w"):
            row.available_w = data.get(key, row.available_w)
        if told.name == "can_meet":
            row.available_w = data.get("power_w", row.available_w)
        if told.name in ("award_received", "event_awarded"):
            row.deal_w = data.get("power_w")
        for key in ("asked", "yes", "no", "silent"):
            value = data.get(key)
            if isinstance(value, int) and row.role is Role.AGGREGATOR:
                setattr(row, key, value)
        if told.name == "request_values_sent":
            row.yes = row.no = row.silent = 0
        if told.name == "late_answer_recorded":
            row.late += 1
        if told.name == "message_refused":
            row.refused += 1
        if "reply_by" in data:
            row.reply_by = datetime.fromisoformat(data["reply_by"])
        elif told.name in ENDS_WAITING:
            row.reply_by = None
        if told.name == "slot_metered":
            row.delivered_wh += data["delivered_wh"]
            row.awarded_wh += data["awarded_wh"]
        if told.name == "closed":
            row.outcome = row.stage = str(data["outcome"])
            row.reply_by = None

    def over(self) -> bool:
        """Whether every planned event has ended at every party above the homes that took part in it."""
        planned = [event.event_id for event in self.scenario.utility.events]
        top = [self.rows.get((event_id, self.scenario.utility.name)) for event_id in planned]
        return all(row is not None for row in top) and all(row.outcome for row in self.rows.values())

    def summary(self) -> dict[str, Any]:
        """The end of the story: JSON types only."""
        events: dict[str, list[Row]] = {}
        for (event_id, _), row in self.rows.items():
            events.setdefault(event_id, []).append(row)
        noted = ("late_answer_recorded", "message_refused", "award_lost", "withdrawn", "shortfall_stated")
        return {
            "scenario": self.scenario.name,
            "deal": any(row.role is Role.UTILITY and row.outcome == "concluded" for row in self.rows.values()),
            "events": [self._event(event_id, rows) for event_id, rows in events.items()],
            "counts": {name: self.counts[name] for name in noted},
        }

    def _event(self, event_id: str, rows: list[Row]) -> dict[str, Any]:
        order = list(self.roles)
        return {
            "event_id": event_id,
            "outcome": next((row.outcome or row.stage for row in rows if row.role is Role.UTILITY), None),
            "parties": [_party(row) for row in sorted(rows, key=lambda row: order.index(row.party))],
        }


def _party(row: Row) -> dict[str, Any]:
    told = {
        "party": row.party,
        "role": row.role.value,
        "outcome": row.outcome or row.stage,
        "steps": row.steps,
        "requested_w": row.requested_w,
        "deal_w": row.deal_w,
        "awarded_wh": row.awarded_wh,
        "delivered_wh": row.delivered_wh,
    }
    if row.role is Role.AGGREGATOR:
        told |= {
            "asked": row.asked,
            "yes": row.yes,
            "no": row.no,
            "silent": row.silent,
            "late": row.late,
            "refused": row.refused,
        }
    return told
