"""The daemons that run here, as their control sockets tell."""

from pathlib import Path
from typing import Any

from agents.runtime.daemon.client import ask
from agents.runtime.daemon.refusal import CommandRefusal
from agents.runtime.daemon.sockets import runtime_dir, sockets


async def parties(control: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    """Every party of every daemon that answers, with its socket. Raises CommandRefusal where none does."""
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


async def the_utility(control: Path | None) -> tuple[Path, dict[str, Any]]:
    """The one utility. Raises CommandRefusal."""
    found = [(path, party) for path, party in await parties(control) if party.get("role") == "utility"]
    if len(found) != 1:
        raise CommandRefusal(
            f"{len(found)} utilities answer in {control or runtime_dir()}: name the directory with --control"
        )
    return found[0]
