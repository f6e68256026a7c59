"""What `gridpact status` shows: every party of every daemon that answers."""

import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from agents.cli.running import parties
from agents.history.standing import WhyUnknown, of_status
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
