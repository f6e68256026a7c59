"""What `gridpact status` shows: every party of every daemon that answers."""

import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from agents.cli.running import parties
from agents.drivers.names import SIMULATED
from agents.history.standing import WhyUnknown, ending, of_status
from agents.runtime.exits import Exit
from agents.tools.tables import print_table, table_console
from protocol.kilowatts import kilowatts
from protocol.to_json import to_json

MOST_IDLE = 20
"""More idle homes than this are one line of `status`."""


async def show(control: Path | None, json: bool) -> int:
    """Show every party of every daemon that answers."""
    found = [party for _, party in await parties(control)]
    if json:
        for party in found:
            events = [event | {"standing": of_status(event).as_json()} for event in party.get("events", [])]
            sys.stdout.write(to_json(party | {"events": events}).decode() + "\n")
        return Exit.OK
    table = Table("party", "role", "event", "stage", "requested", "deal", "next", "asks its resident")
    idle = [party for party in found if party["role"] == "der" and not party.get("events")]
    for party in found:
        if party in idle and len(idle) > MOST_IDLE:
            continue
        asked = ", ".join(str(question["event_id"]) for question in party.get("questions", []))
        ends = ((party.get("deadline") or "")[11:19], asked)
        for event in party.get("events", []):
            table.add_row(str(party["name"]), str(party["role"]), event["event_id"], *stage_and_deal(event), *ends)
        if not party.get("events"):
            table.add_row(str(party["name"]), str(party["role"]), "", "idle", "-", "-", *ends)
    if len(idle) > MOST_IDLE:
        table.add_row(f"{len(idle)} others", "der", "", "idle", "-", "-", "", "")
    print_table(table_console(), table)
    if (devices := real_devices(found)).row_count:
        print_table(table_console(), devices)
    return Exit.OK


def real_devices(found: list[dict[str, Any]]) -> Table:
    """Those at drivers: since when a state is known, what they follow for us, and what is wrong."""
    table = Table("device", "of", "driver", "heard at", "held at", "says")
    for party in found:
        for name, one in party.get("devices", {}).items():
            if one["driver"] == SIMULATED:
                continue
            heard, held_w = (one.get("heard_at") or "")[11:19], one.get("held_w")
            held = "its own schedule" if held_w is None else f"{held_w:,} W"
            says = one.get("trouble") or one.get("fault") or ("sound" if heard else "nothing yet")
            table.add_row(name, str(party["name"]), one["driver"], heard or "-", held, says)
    return table


def stage_and_deal(event: dict[str, Any]) -> tuple[str, str, str]:
    """Stage or outcome, what is requested, the deal that stands."""
    standing = of_status(event)
    word = str(ending(event.get("outcome") or "", event.get("deal_w")) or standing.stage).replace("_", " ")
    secured_w = None if isinstance(standing.secured_w, WhyUnknown) else standing.secured_w
    return word, kilowatts(event.get("requested_w")), kilowatts(secured_w)
