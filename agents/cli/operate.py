"""The operator's side of the control sockets: an event is issued, changed, cancelled, or only asked about."""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agents.cli.instants import start_of
from agents.cli.running import parties, the_utility
from agents.history.fold import History
from agents.history.line import NoteLine
from agents.history.narrate import SlotCounts, line
from agents.negotiation.stage import Stage
from agents.runtime.daemon.client import ask, converse
from agents.runtime.daemon.refusal import CommandRefusal
from agents.runtime.daemon.sockets import runtime_dir
from agents.runtime.exits import Exit
from agents.settings.checked import ConfigError, checked
from agents.settings.parties import EventSettings
from protocol.bounds import Direction
from protocol.kilowatts import kilowatts
from protocol.to_json import to_json

OPTIONS = {
    "event_id": "--event-id",
    "program_id": "--program",
    "start": "--start",
    "slot_s": "--slot-minutes",
    "power_w": "--kw",
}
"""Which option says what of an event."""


@dataclass(frozen=True, slots=True)
class WantedRequest:
    """The event that an operator asks for."""

    direction: Direction
    start: str
    power_w: tuple[int, ...]
    slot_s: int
    event_id: str | None
    program_id: str


async def request(control: Path | None, wanted: WantedRequest, json: bool) -> int:
    """Issue an event and watch it to its end; whether it was a deal is the exit code."""
    path, utility = await the_utility(control)
    now = datetime.fromisoformat(utility["shell"]["now"])
    start = start_of(wanted.start, now)
    event_id = wanted.event_id or f"op-{now:%Y%m%d-%H%M%S}"
    event = {
        "event_id": event_id,
        "program_id": wanted.program_id,
        "issue_at": min(now, start - timedelta(seconds=1)) if _is_under_way(utility, event_id) else now,
        "direction": wanted.direction,
        "start": start,
        "slot_s": wanted.slot_s,
        "power_w": wanted.power_w,
    }
    _check(event)
    return await _watched(path, str(utility["name"]), {"do": "issue", "event": event}, event_id, json)


def _is_under_way(utility: Mapping[str, Any], event_id: str) -> bool:
    """Whether an event has begun: less may be asked of it still, in the slots that it has."""
    return any(one["event_id"] == event_id and one["stage"] == Stage.DELIVERING for one in utility["events"])


async def dry_run(control: Path | None, wanted: WantedRequest, json: bool) -> int:
    """Show what the fleet could probably give; nobody is asked. Of the parties that answer here the one that knows the
    most is shown: the utility where nothing is unknown to it, else those below it."""
    answering = await parties(control)
    now = datetime.fromisoformat(answering[0][1]["shell"]["now"])
    start = start_of(wanted.start, now)
    _check({"event_id": "preview", "program_id": wanted.program_id, "issue_at": now, "direction": wanted.direction,
        "start": start, "slot_s": wanted.slot_s, "power_w": wanted.power_w})  # fmt: skip
    command: dict[str, object] = {"do": "preview", "direction": wanted.direction, "start": start}
    command |= {"slot_s": wanted.slot_s, "slots": len(wanted.power_w)}
    found: list[dict[str, Any]] = []
    for path in dict.fromkeys(path for path, _ in answering):
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
    path, utility = await the_utility(control)
    code = await _watched(path, str(utility["name"]), {"do": "cancel", "event_id": event_id}, event_id, json)
    return Exit.OK if code == Exit.NEGATIVE else code


async def _watched(path: Path, utility: str, command: dict[str, object], event_id: str, json: bool) -> int:
    """Watch first, so that nothing is missed; then order; then show until the event has ended."""
    async with aclosing(_converse(path, {"do": "watch"})) as notes:
        await anext(notes)
        await ask(path, command)
        slots, history = SlotCounts(), History()
        async for note in notes:
            told = NoteLine.read(note)
            if told is None or told.event_id != event_id:
                continue
            text = to_json(note).decode() if json else line(told, slots.of(told))
            print(text, flush=True)
            if told.name == "order_refused":
                raise CommandRefusal(f"{event_id}: {told.data.get('reason')}")
            history.take_note(told.party, told)
            if told.name == "closed" and told.party == utility:
                return Exit.OK if history.event(event_id).party(utility).ending == "concluded" else Exit.NEGATIVE
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
