"""`gridpact quarantine`: whom the parties refuse, and whom they do not hear any more."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from agents.runtime.daemon.client import ask
from agents.runtime.daemon.refusal import CommandRefusal
from agents.runtime.daemon.sockets import runtime_dir, sockets
from agents.runtime.exits import Exit
from agents.tools.tables import print_table, table_console
from protocol.to_json import to_json


async def senders(control: Path | None, release: str | None, party: str | None, json: bool) -> int:
    """Show all accounts of all daemons that answer; before that, release one. Raises CommandRefusal."""
    directory = control or runtime_dir()
    told: list[dict[str, Any]] = []
    refusals: list[CommandRefusal] = []
    paths = sockets(directory)
    for path in paths:
        try:
            answer = await ask(path, {"do": "quarantine", "release": release, "party": party})
        except CommandRefusal as refusal:
            refusals.append(refusal)
        else:
            told += answer["senders"]
    if not paths:
        raise CommandRefusal(f"{directory}: no daemon answers here")
    if len(refusals) == len(paths):
        of = (
            f"{release} is in quarantine nowhere here"
            if party is None
            else f"{release} is in no quarantine of {party} here"
        )
        raise CommandRefusal(str(refusals[0]) if release is None else of)
    if json:
        sys.stdout.writelines(to_json(one).decode() + "\n" for one in told)
        return Exit.OK
    if release is not None:
        print(f"{release} is heard again")
    elif not told:
        print("nobody was refused anything")
    else:
        print_table(table_console(), _table(told))
    return Exit.OK


def _table(told: list[dict[str, Any]]) -> Table:
    table = Table("party", "sender", "in quarantine since", "why", "not read", "refused")
    for one in told:
        since = str(one["quarantined_since"] or "-")[:19].replace("T", " ")
        table.add_row(
            one["party"], one["sender"], since, one["why"] or "-", str(one["unheard"]), _reasons(one["refused"])
        )
    return table


def _reasons(refused: Mapping[str, int]) -> str:
    return ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in refused.items()) or "-"
