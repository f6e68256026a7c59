"""`gridpact watchdog`: gives real devices back when their daemon has died."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agents.cli.arguments import within
from agents.runtime.exits import Exit

if TYPE_CHECKING:
    from agents.runtime.daemon.watchdog import Watchdog

Flag = Parameter(negative=())


def watchdog(*, config: Path, after: float = 15.0, once: Annotated[bool, Flag] = False) -> int:
    """Give real devices back when their daemon has died: those that nobody else gives back.

    Parameters
    ----------
    config
        The daemon's TOML file.
    after
        For how many seconds the daemon may be away, as while it is started again.
    once
        Give back at once what the file names, and end; not while the daemon runs. Exit code 1 when a device was not.
    """
    from agents.runtime.daemon.watchdog import Watchdog
    from agents.runtime.files.config import any_config

    within("--after", after, 0, 3_600)
    watching = Watchdog(any_config(config), f"{config}", _say, after)
    if once:
        return Exit.OK if asyncio.run(watching.once()) else Exit.NEGATIVE
    _say(f"{watching.path}: looks after {', '.join(watching.devices)}")
    asyncio.run(_until_stopped(watching))
    return Exit.OK


async def _until_stopped(watching: "Watchdog") -> None:
    from agents.runtime.signals import signals

    stop = asyncio.Event()
    with signals(stop.set):
        running, stopping = asyncio.create_task(watching.run()), asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (running, stopping):
            task.cancel()
        await asyncio.wait((running, stopping))
    if not running.cancelled() and (error := running.exception()) is not None:
        raise error


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
