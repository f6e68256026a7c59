"""P10: a device is moved only within an award that stands, and only while its slot lasts, or behind the last one as long as
the home says that it holds on."""

from collections.abc import Sequence
from datetime import datetime

from protocol import messages as m
from protocol.actor import Entry, Note, Received, Send, Setpoint


def violations(trace: Sequence[Entry]) -> list[str]:
    requests: dict[tuple[str, str], m.Request] = {}
    offered: dict[tuple[str, str], m.Award] = {}
    standing: dict[tuple[str, str], tuple[m.Award, m.IntervalPeriod]] = {}
    found = []
    for entry in trace:
        message = entry.input.message if isinstance(entry.input, Received) else None
        if isinstance(message, m.Request):
            requests[entry.actor, message.request_id] = requests[entry.actor, message.event_id] = message
        if isinstance(message, m.Award):
            offered[entry.actor, message.award_id] = message
        for effect in entry.effects:
            if isinstance(effect, Send) and isinstance(effect.message, m.Confirm) and effect.edge.child == entry.actor:
                _confirmed(entry.actor, effect.message, requests, offered, standing)
        for effect in entry.effects:
            if isinstance(effect, Setpoint) and effect.power_w is not None:
                allowed = any(
                    who == entry.actor
                    and _within(award, period, effect.at, effect.until, _holds_until(entry, award.event_id))
                    for (who, _), (award, period) in standing.items()
                )
                if not allowed:
                    found.append(f"P10: {entry.actor} set {effect.resource_id} from {effect.at} without an award")
    return found


def _confirmed(
    who: str,
    confirm: m.Confirm,
    requests: dict[tuple[str, str], m.Request],
    offered: dict[tuple[str, str], m.Award],
    standing: dict[tuple[str, str], tuple[m.Award, m.IntervalPeriod]],
) -> None:
    award = offered.get((who, confirm.award_id))
    if award is None or not confirm.accepted or confirm.revision != award.revision:
        return
    standing.pop((who, award.event_id), None)
    request = requests.get((who, award.request_id)) or requests.get((who, award.event_id))  # it may be lost
    if award.outcome is m.Outcome.CONCLUDED and request is not None:
        standing[who, award.event_id] = (award, request.interval_period)


def _holds_until(entry: Entry, event_id: str) -> datetime | None:
    """Until when a home says that it holds on behind an event."""
    notes = [one for one in entry.effects if isinstance(one, Note) and one.name == "holding_on"]
    return next((one.data["until_at"] for one in notes if one.event_id == event_id), None)


def _within(award: m.Award, period: m.IntervalPeriod, at: datetime, until: datetime, held: datetime | None) -> bool:
    slots = len(award.power_w)
    end = period.slot_start(slots)
    return (held is not None and end <= at and until <= held) or any(
        period.slot_start(slot) <= at and until <= period.slot_start(slot + 1) for slot in range(slots)
    )
