"""`status`, `request` and `decide`: the operator's and the resident's side of the control sockets."""

import re
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from agents.cli.instants import start_of
from agents.history.line import NoteLine
from agents.history.narrate import SlotCounts, line
from agents.history.standing import WhyUnknown, of_status
from agents.runtime.daemon.client import ask, converse
from agents.runtime.daemon.commands import CommandRefusal
from agents.runtime.daemon.orders import has_to_decide
from agents.runtime.daemon.sockets import runtime_dir, sockets
from agents.runtime.exits import Exit
from agents.runtime.fleet.control import FLEET
from agents.settings.checked import ConfigError, checked
from agents.settings.parties import EventSettings
from agents.tools.tables import print_table, table_console
from protocol.codec import to_json
from protocol.kilowatts import kilowatts
from protocol.units import Direction

OPTIONS = {
    "event_id": "--event-id",
    "program_id": "--program",
    "start": "--start",
    "slot_s": "--slot-minutes",
    "power_w": "--kw",
}
"""Which option says what of an event."""
MOST_IDLE = 20
"""More idle homes than this are one line of `status`."""


@dataclass(frozen=True, slots=True)
class WantedRequest:
    """The event that an operator asks for."""

    direction: Direction
    start: str
    power_w: tuple[int, ...]
    slot_s: int
    event_id: str | None
    program_id: str


async def status(control: Path | None, json: bool) -> int:
    """Show every party of every daemon that answers."""
    parties = [party for _, party in await _parties(control)]
    if json:
        for party in parties:
            events = [event | {"standing": of_status(event).as_json()} for event in party.get("events", [])]
            sys.stdout.write(to_json(party | {"events": events}).decode() + "\n")
        return Exit.OK
    table = Table("party", "role", "event", "stage", "requested", "deal", "next", "asks its resident")
    idle = [party for party in parties if party["role"] == "der" and not party.get("events")]
    for party in parties:
        if party in idle and len(idle) > MOST_IDLE:
            continue
        asked = ", ".join(str(question["event_id"]) for question in party.get("questions", []))
        ends = ((party.get("deadline") or "")[11:19], asked)
        for event in party.get("events", []):
            table.add_row(str(party["name"]), str(party["role"]), event["event_id"], *_stands(event), *ends)
        if not party.get("events"):
            table.add_row(str(party["name"]), str(party["role"]), "", "idle", "-", "-", *ends)
    if len(idle) > MOST_IDLE:
        table.add_row(f"{len(idle)} others", "der", "", "idle", "-", "-", "", "")
    print_table(table_console(), table)
    return Exit.OK


def _stands(event: dict[str, Any]) -> tuple[str, str, str]:
    """Stage or outcome, what is requested, the deal that stands."""
    standing = of_status(event)
    word = str(event.get("outcome") or standing.stage).replace("_", " ")
    secured_w = None if isinstance(standing.secured_w, WhyUnknown) else standing.secured_w
    return word, kilowatts(event.get("requested_w")), kilowatts(secured_w)


async def request(control: Path | None, wanted: WantedRequest, json: bool) -> int:
    """Issue an event and watch it to its end; whether it was a deal is the exit code."""
    path, utility = await _utility(control)
    now = datetime.fromisoformat(utility["shell"]["now"])
    start = start_of(wanted.start, now)
    event_id = wanted.event_id or f"op-{now:%Y%m%d-%H%M%S}"
    event = {
        "event_id": event_id,
        "program_id": wanted.program_id,
        "issue_at": now,
        "direction": wanted.direction,
        "start": start,
        "slot_s": wanted.slot_s,
        "power_w": wanted.power_w,
    }
    _check(event)
    return await _watched(path, {"do": "issue", "event": event}, event_id, json)


async def dry_run(control: Path | None, wanted: WantedRequest, json: bool) -> int:
    """Show what the fleet could probably give; nobody is asked. Of the parties that answer here the one that knows the
    most is shown: the utility where nothing is unknown to it, else those below it."""
    parties = await _parties(control)
    now = datetime.fromisoformat(parties[0][1]["shell"]["now"])
    start = start_of(wanted.start, now)
    _check({"event_id": "preview", "program_id": wanted.program_id, "issue_at": now, "direction": wanted.direction,
        "start": start, "slot_s": wanted.slot_s, "power_w": wanted.power_w})  # fmt: skip
    command: dict[str, object] = {"do": "preview", "direction": wanted.direction, "start": start}
    command |= {"slot_s": wanted.slot_s, "slots": len(wanted.power_w)}
    found: list[dict[str, Any]] = []
    for path in dict.fromkeys(path for path, _ in parties):
        found += (await ask(path, command))["previews"]
    shown = _knowing(found)
    if not shown:
        raise CommandRefusal(f"{control or runtime_dir()}: nobody here knows what the fleet could give")
    for one in shown:
        print(to_json(one).decode() if json else _could(one, wanted.power_w))
    return Exit.OK


def _knowing(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the highest role that knows something of all below it; of nobody so, those of the highest that know anything."""
    by_role = [[one for one in found if one["role"] == role] for role in ("utility", "coordinator", "aggregator")]
    whole = [some for some in by_role if some and not any(one["unknown"] for one in some)]
    part = [some for some in by_role if any(one["told"] or one["by_contract"] for one in some)]
    return next(iter(whole or part), [])


def _could(one: dict[str, Any], asked_w: tuple[int, ...]) -> str:
    """A party's preview as a line."""
    basis = [f"{one['told']} told it themselves", f"{one['by_contract']} by contract alone"]
    basis += [f"nothing known of {', '.join(one['unknown'])}"] if one["unknown"] else []
    return (
        f"{one['name']}: of {kilowatts(asked_w)} surely {kilowatts(one['p10_w'])}, as probable as not "
        f"{kilowatts(one['p50_w'])}, at most {kilowatts(one['p90_w'])} ({'; '.join(basis)})"
    )


async def cancel(control: Path | None, event_id: str, json: bool) -> int:
    """Cancel an event and watch until it has ended."""
    path, _ = await _utility(control)
    code = await _watched(path, {"do": "cancel", "event_id": event_id}, event_id, json)
    return Exit.OK if code == Exit.NEGATIVE else code


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
    found = [path for path, one in await _parties(control) if one["name"] == party]
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
    found = await _parties(control)
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
    parties = await _parties(control)
    homes = [(path, found) for path, found in parties if found.get("role", "der") == "der"]
    if party is not None:
        meant = [(path, found) for path, found in parties if found["name"] == party]
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


async def _watched(path: Path, command: dict[str, object], event_id: str, json: bool) -> int:
    """Watch first, so that nothing is missed; then order; then show until the event has ended."""
    async with aclosing(_converse(path, {"do": "watch"})) as notes:
        await anext(notes)
        await ask(path, command)
        slots = SlotCounts()
        async for note in notes:
            told = NoteLine.read(note)
            if told is None or told.event_id != event_id:
                continue
            text = to_json(note).decode() if json else line(told, slots.of(told))
            print(text, flush=True)
            if told.name == "order_refused":
                raise CommandRefusal(f"{event_id}: {told.data.get('reason')}")
            if told.name == "closed":
                return Exit.OK if told.data.get("outcome") == "concluded" else Exit.NEGATIVE
    raise CommandRefusal(f"{path}: the daemon ended the conversation")


async def _converse(path: Path, command: dict[str, object]) -> AsyncGenerator[dict[str, Any], None]:
    async for answer in converse(path, command):
        yield answer


def _check(event: dict[str, object]) -> None:
    """The same rules as for an event in a file, said by the options. Raises ConfigError."""
    try:
        checked(EventSettings, event, "request")
    except ConfigError as error:
        where, _, text = str(error).partition(": ")
        key = re.match(r"\w+", text)
        option = OPTIONS.get(key[0], where) if key else where
        why = (text.partition(": ")[2] or text).replace("issue_at,", "the utility's now,")
        raise ConfigError(f"{option}: {why}") from None


async def _parties(control: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    directory = control or runtime_dir()
    found = []
    for path in sockets(directory):
        try:
            answer = await ask(path, {"do": "status"})
        except CommandRefusal:
            continue  # what a dead daemon left
        found += [(path, party) for party in answer["parties"]]
    if not found:
        raise CommandRefusal(f"{directory}: no daemon answers here")
    return found


async def _utility(control: Path | None) -> tuple[Path, dict[str, Any]]:
    found = [(path, party) for path, party in await _parties(control) if party.get("role") == "utility"]
    if len(found) != 1:
        raise CommandRefusal(
            f"{len(found)} utilities answer in {control or runtime_dir()}: name the directory with --control"
        )
    return found[0]
