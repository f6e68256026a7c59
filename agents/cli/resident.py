"""What a resident or owner says to a home that runs here: `gridpact decide`, `plan` and `outage`."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agents.cli.running import parties
from agents.runtime.daemon.client import ask
from agents.runtime.daemon.orders import has_to_decide
from agents.runtime.daemon.refusal import CommandRefusal
from agents.runtime.exits import Exit
from agents.runtime.fleet.control import FLEET
from protocol.to_json import to_json

TAKES_PART = ("offered", "awarded", "active")
OVER = ("completed", "not_needed", "no_deal", "cancelled", "expired")
"""What cannot be changed any more."""
_IN_WORDS = {
    "offered": "offers to take part",
    "opted_out": "takes no part",
    "awarded": "has the award",
    "active": "is under control",
    "withdrawn": "has withdrawn",
}
"""What is known of a home by the stage or outcome of an event there."""


async def decide(control: Path | None, event_id: str, take_part: bool, party: str | None) -> int:
    """Give a resident's answer, or a change of mind, to the home that asks or has asked; tell what came of it."""
    path, name = await _deciding(control, event_id, party)
    told = await ask(path, {"do": "decide", "event_id": event_id, "take_part": take_part, "party": name})
    before, after = str(told["before"]), str(told["after"])
    words = _IN_WORDS.get(after, after)
    if (after in TAKES_PART) == take_part and after not in OVER:
        print(f"{name}: {words} in {event_id}{_how(before, after, bool(told.get('late')))}")
        return Exit.OK
    if before == after:
        raise CommandRefusal(f"{name}: the answer comes too late for {event_id}: {words}")
    raise CommandRefusal(f"{name}: {words} in {event_id}: its devices have nothing to give in its slots")


async def plan(
    control: Path | None, party: str, device: str | None, *, not_today: bool, not_on: date | None, json: bool
) -> int:
    """Show a vehicle's departures in the days ahead; before that, leave one out."""
    found = [path for path, one in await parties(control) if one["name"] == party]
    if not found:
        raise CommandRefusal(f"{party} does not run here")
    command: dict[str, object] = {
        "do": "plan",
        "party": party,
        "resource_id": device,
        "not_today": not_today,
        "not_on": not_on,
    }
    told = await ask(found[0], command)
    if json:
        sys.stdout.write(to_json({key: value for key, value in told.items() if key != "ok"}).decode() + "\n")
        return Exit.OK
    zone = ZoneInfo(told["zone"])
    for day in told["skipped"]:
        print(f"{told['resource_id']}: stays at home on {day}")
    for one in told["departures"]:
        at = datetime.fromisoformat(one["departs_at"]).astimezone(zone)
        wanted = "" if one["soc_wh"] is None else f" with {one['soc_wh'] / 1000:g} kWh"
        print(f"{told['resource_id']}: departs on {at:%a %Y-%m-%d at %H:%M}{wanted}")
    return Exit.OK


async def outage(control: Path | None, is_out: bool, party: str | None, under: str | None = None) -> int:
    """Tell a home, or all below an aggregator, that the grid at its connection point is gone, or back."""
    found = await parties(control)
    homes = [(path, str(one["name"])) for path, one in found if one.get("role") == "der"]
    fleets = [path for path, one in found if one.get("role") == FLEET]
    words = "gives nothing until the grid is back" if is_out else "takes part again"
    command: dict[str, object] = {"do": "outage", "is_out": is_out}
    if under is not None:
        told = await _all_of(dict.fromkeys((*(path for path, _ in homes), *fleets)), command | {"under": under})
        if not told:
            raise CommandRefusal(f"no home below {under} runs here")
        print(f"{len(told)} home{'' if len(told) == 1 else 's'} below {under}: each {words}")
        return Exit.OK
    homes = [(path, name) for path, name in homes if party in (None, name)]
    if not homes and fleets and party is not None:
        if not await _all_of(fleets, command | {"party": party}):
            raise CommandRefusal(f"no home {party} runs here")
    elif not homes and fleets:
        raise CommandRefusal("a fleet runs here: say which home with --party, or whose homes with --under")
    elif len(homes) != 1:
        names = ", ".join(name for _, name in homes)
        raise CommandRefusal(
            f"{names} run here: say which with --party"
            if homes
            else "no home runs here"
            if party is None
            else f"no home {party} runs here"
        )
    else:
        path, party = homes[0]
        await ask(path, command | {"party": party})
    print(f"{party}: {words}")
    return Exit.OK


async def _all_of(paths: Iterable[Path], command: dict[str, object]) -> list[str]:
    """The homes that a command has reached, of all that have any that it means."""
    found: list[str] = []
    for path in paths:
        with suppress(CommandRefusal):
            found += (await ask(path, command))["homes"]
    return found


async def _deciding(control: Path | None, event_id: str, party: str | None) -> tuple[Path, str]:
    """The home that is meant: the one that asks, else the one at which an answer still changes something, else the one that
    knows the event. Raises CommandRefusal."""
    known_here = await parties(control)
    homes = [(path, found) for path, found in known_here if found.get("role", "der") == "der"]
    if party is not None:
        meant = [(path, found) for path, found in known_here if found["name"] == party]
    else:
        meant = [(path, found) for path, found in homes if _knows(found.get("questions", ()), event_id)]
        known = [(path, found) for path, found in homes if _knows(found.get("events", ()), event_id)]
        meant = meant or [(path, found) for path, found in known if _has_to_decide(found, event_id)] or known
    if len(meant) == 1:
        return meant[0][0], str(meant[0][1]["name"])
    names = ", ".join(str(found["name"]) for _, found in meant)
    if names:
        raise CommandRefusal(f"{names} ask about {event_id}: say which with --party")
    raise CommandRefusal(f"no home asks about {event_id}" if party is None else f"{party} does not run here")


def _has_to_decide(found: Mapping[str, Any], event_id: str) -> bool:
    now = datetime.fromisoformat(found["shell"]["now"])
    return any(event["event_id"] == event_id and has_to_decide(event, now) for event in found.get("events", ()))


def _knows(entries: Iterable[Mapping[str, Any]], event_id: str) -> bool:
    return any(entry["event_id"] == event_id for entry in entries)


def _how(before: str, after: str, late: bool) -> str:
    """What more there is to tell of an answer that has its way."""
    if before == after:
        return ", as before"
    if late:
        return ", after the time to answer: it may hear that it is not needed any more"
    return ": its offer is taken back" if before == "offered" else ""
