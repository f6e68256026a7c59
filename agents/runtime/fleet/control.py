"""The control socket of a fleet: how it stands, and outages at its homes' connection points."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from agents.runtime.daemon.commands import AnyCommand, CommandRefusal, OutageCommand, StatusCommand
from agents.runtime.daemon.control import ControlServer
from agents.settings.parties import DerSettings
from protocol.actor import Input, Outage

FLEET = "fleet"
"""The role that its status tells."""


class FleetControl(ControlServer):
    """Answers for all homes of one process."""

    def __init__(
        self,
        path: Path,
        homes: Mapping[str, DerSettings],
        give: Callable[[str, Input], Awaitable[None]],
        status: Callable[[], dict[str, object]],
    ) -> None:
        """`give`: lets a home take an input, until that is durable."""
        super().__init__(path, {}, lambda at: None)
        self._homes, self._give, self._status = homes, give, status

    async def _follow(self, command: AnyCommand) -> dict[str, object]:
        match command:
            case StatusCommand():
                return {"parties": [self._status()]}
            case OutageCommand():
                return {"homes": await self._outage_of(command)}
        raise CommandRefusal(f"a fleet answers status and outage, not {command.do}")

    async def _outage_of(self, command: OutageCommand) -> list[str]:
        meant = named(command, self._homes)
        await asyncio.gather(*(self._give(name, Outage(command.is_out)) for name in meant))
        return meant


def named(command: OutageCommand, homes: Mapping[str, DerSettings]) -> list[str]:
    """The homes of a fleet that a command means: one, or all below an aggregator. Raises CommandRefusal."""
    if command.under is not None:
        meant = [name for name, home in homes.items() if home.parent == command.under]
        if not meant:
            raise CommandRefusal(f"no home of this fleet is below {command.under}")
        return meant
    if command.party is not None and command.party not in homes:
        raise CommandRefusal(f"{command.party} is no home of this fleet")
    if command.party is None:
        raise CommandRefusal(
            f"a fleet of {len(homes)} homes: name one of them with --party, or their aggregator with --under"
        )
    return [command.party]
