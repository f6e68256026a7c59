"""What an operator orders on the page: a request with its preview, a stop. Each is checked as one in a file is."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from agents.pages.sockets import Sockets
from agents.pages.web.site import Mistaken
from agents.runtime.daemon.client import ask
from agents.runtime.daemon.commands import CommandRefusal
from agents.settings.ahead import ahead
from agents.settings.checked import ConfigError, checked
from agents.settings.contracts import plain_contract
from agents.settings.members import Member
from agents.settings.mistakes import impossible
from agents.settings.parties import EventSettings
from protocol.units import Direction

MOST_KW = 10**7
ROLES = ("utility", "coordinator", "aggregator")


@dataclass(frozen=True, slots=True)
class Foreseeable:
    """What a party could probably give, W a slot."""

    name: str
    p10_w: tuple[int, ...]
    p50_w: tuple[int, ...]
    p90_w: tuple[int, ...]
    told: int
    by_contract: int
    unknown: tuple[str, ...]


def event_of(fields: Mapping[str, str], now: datetime, zone: tzinfo) -> EventSettings:
    """The event that a form asks for. Raises Mistaken."""
    start = start_of(fields.get("start", ""), now, zone)
    minutes, slots = _whole(fields, "slot_minutes", "length of a slot"), _whole(fields, "slots", "number of slots")
    power_w = _power_w(fields.get("power_kw", ""), slots)
    event = {
        "event_id": fields.get("event_id", "").strip() or f"op-{now:%Y%m%d-%H%M%S}",
        "program_id": fields.get("program_id", "").strip() or "dr",
        "issue_at": now,
        "direction": fields.get("direction", ""),
        "start": start,
        "slot_s": minutes * 60,
        "power_w": power_w,
    }
    if start <= now:
        raise Mistaken("the start lies in the past")
    try:
        return checked(EventSettings, event, "request")
    except ConfigError as error:
        raise Mistaken(str(error).partition(": ")[2] or str(error)) from None


def start_of(text: str, now: datetime, zone: tzinfo) -> datetime:
    """`+45m`, or an instant on the viewer's clocks, or one with its offset. Raises Mistaken."""
    text = text.strip()
    if (found := ahead(text, now)) is not None:
        return found
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Mistaken(f"the start: {text!r} is neither +45m nor a time as 2026-01-14 18:00") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
        if at.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at.replace(tzinfo=None):
            raise Mistaken(f"the start: clocks never show {text} on that day: they are set forward then")
        if at.replace(fold=1).utcoffset() != at.utcoffset():
            raise Mistaken(f"the start: clocks show {text} twice on that day: write its offset too, as +01:00")
    if (wrong := impossible(at)) is not None:
        raise Mistaken(f"the start: {wrong}")
    return at.astimezone(UTC)


def _whole(fields: Mapping[str, str], key: str, name: str) -> int:
    text = fields.get(key, "").strip()
    if not re.fullmatch(r"\d{1,5}", text):
        raise Mistaken(f"the {name} has to be a whole number")
    return int(text)


def _power_w(text: str, slots: int) -> tuple[int, ...]:
    """One value for all slots, or one for each."""
    parts = text.replace(",", " ").split()
    try:
        found = tuple(round(float(part) * 1000) for part in parts if abs(float(part)) < MOST_KW)
    except (ValueError, OverflowError):
        found = ()
    if not found or len(found) != len(parts):
        raise Mistaken("the power has to be numbers in kW, one for all slots or one for each")
    if len(found) == 1:
        return found * slots
    if len(found) != slots:
        raise Mistaken(f"the power has {len(found)} values for {slots} slots")
    return found


async def could_give(sockets: Sockets, event: EventSettings) -> list[Foreseeable]:
    """Of the highest parties that know anything of those below; nothing is asked of anybody."""
    command: dict[str, object] = {
        "do": "preview", "direction": event.direction, "start": event.start, "slot_s": event.slot_s,
        "slots": len(event.power_w),
    }  # fmt: skip
    found: list[dict[str, Any]] = []
    for path in dict.fromkeys(path for role in ROLES for path, _ in sockets.of_role(role)):
        with suppress(CommandRefusal):
            found += (await ask(path, command))["previews"]
    for role in ROLES:
        of_role = [one for one in found if one["role"] == role]
        if of_role and any(one["told"] or one["by_contract"] for one in of_role):
            return [_foreseeable(one) for one in of_role]
    return []


def _foreseeable(one: Mapping[str, Any]) -> Foreseeable:
    low, middle, high = (tuple(one[key]) for key in ("p10_w", "p50_w", "p90_w"))
    return Foreseeable(one["name"], low, middle, high, one["told"], one["by_contract"], tuple(one["unknown"]))


async def issue(sockets: Sockets, event: EventSettings) -> None:
    """Raises CommandRefusal."""
    given = event.model_dump(exclude_none=True)
    await ask(_utility(sockets), {"do": "issue", "event": given})


async def stop(sockets: Sockets, event_id: str, reason: str) -> None:
    """Raises CommandRefusal."""
    await ask(_utility(sockets), {"do": "cancel", "event_id": event_id, "reason": reason})


async def stop_party(sockets: Sockets, parent: str, name: str) -> None:
    """Its contract ends: its parent takes back what stands with it, replaces what it can, and asks it no more. Raises
    CommandRefusal."""
    await _contract(sockets, parent, "leave", {name: {}})


async def take_in(sockets: Sockets, parent: str, member: Member) -> None:
    """The same contract again. Raises CommandRefusal."""
    await _contract(sockets, parent, "add", {member.name: plain_contract(member)})


async def _contract(sockets: Sockets, parent: str, change: str, contracts: Mapping[str, object]) -> None:
    known = sockets.party(parent)
    if known is None:
        raise CommandRefusal(f"{parent} does not answer on this machine: its book is changed where it runs")
    await ask(known[0], {"do": "contract", "party": parent, "change": change, "contracts": contracts})


def _utility(sockets: Sockets) -> Any:
    found = sockets.of_role("utility")
    if len(found) != 1:
        raise CommandRefusal(f"{len(found)} utilities answer here: one is needed to give an order to")
    return found[0][0]


def said(direction: Direction | None) -> str:
    """A direction in words that cannot be taken for the other one."""
    return {Direction.DECREASE_LOAD: "decrease load", Direction.INCREASE_LOAD: "increase load"}.get(
        direction or Direction.DECREASE_LOAD, ""
    )
