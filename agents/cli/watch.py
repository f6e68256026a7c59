"""`gridpact watch`: what a broker carries, read-only."""

import asyncio
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agents.cli.arguments import Seconds, Speed
from agents.cli.connection import DEFAULT, Connection, warn_of_secrets
from agents.cli.silence import silent
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError

if TYPE_CHECKING:
    from agents.tools.watch.shows import Show
    from broker.address import Address

Flag = Parameter(negative=())
ONCE_S = 2.0


@silent()
def watch(
    *,
    connection: Connection = DEFAULT,
    speed: Speed | None = None,
    once: Annotated[bool, Flag] = False,
    seconds: Seconds | None = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Watch a running system from its topics alone: events, who negotiates, who is there, what is refused.

    Nothing is published. On a terminal q ends it; elsewhere each change is a line.

    Parameters
    ----------
    speed
        How much faster than real time the system runs; found out by itself when it is not given.
    once
        Print the picture after `--seconds` (2 by default) and end.
    seconds
        End after so many seconds.
    json
        One JSON object a change, or with --once one for the picture.
    """
    for name, value in (("--speed", speed), ("--seconds", seconds)):
        if value is not None and value <= 0:
            raise ConfigError(f"{name}: has to be above 0")
    address = connection.address()
    warn_of_secrets(address)
    return asyncio.run(watch_broker(address, speed, ONCE_S if once and seconds is None else seconds, once, json))


async def watch_broker(
    address: "Address",
    speed: float | None = None,
    seconds: float | None = None,
    once: bool = False,
    json: bool = False,
) -> int:
    """Show until the end; with `once` only then."""
    from rich.console import Console

    from agents.tools.watch.live import Watch
    from agents.tools.watch.picture import Picture
    from agents.tools.watch.shows import Lines, Screen, print_once

    picture, console = Picture(), Console()
    show: Show
    if once:
        show = Lines(picture, json=json, write=lambda line: None)
    elif console.is_terminal and not json:
        show = Screen(picture, console)
    else:
        show = Lines(picture, json=json)
    surroundings = await Watch(address, picture, speed).run(show, seconds)
    if once:
        print_once(picture, surroundings, json)
    return Exit.OK
