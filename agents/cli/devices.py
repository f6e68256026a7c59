"""`gridpact devices`: what an installer does at real devices, without a daemon: find them, read them, try a power."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from agents.cli.arguments import Json, Port, within
from agents.cli.silence import silent
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from protocol.to_json import to_json

if TYPE_CHECKING:
    from agents.tools.installer.installed import AskedDevice, Installed

MOST_PAYLOAD = 80
MOST_SHOWN = {"in a daemon's file": 400}
"""What is copied from the table is shown whole."""

devices_app = App(
    name="devices", help="Real devices, without a daemon: find them, read them, try a power for a minute."
)


@devices_app.command
def discover(
    driver: Literal["echonet", "ocpp", "mqtt"],
    /,
    *address: str,
    host: str | None = None,
    port: Port | None = None,
    topics: str = "#",
    user: str | None = None,
    password_file: Path | None = None,
    seconds: float = 10.0,
    json: Json = False,
) -> int:
    """Find devices: ECHONET Lite nodes of the network, chargers that call in, or topics at a broker.

    Exit code 1 when nothing was found.

    Parameters
    ----------
    driver
        By which driver.
    address
        ECHONET Lite: ask these addresses only, where multicast does not reach.
    host
        ECHONET Lite, OCPP: our own address; MQTT: the broker's.
    port
        ECHONET Lite: where nodes answer (3610); OCPP: where chargers call in (9000); MQTT: the broker's (1883).
    topics
        MQTT: which ones, with wildcards.
    user
        MQTT: as whom.
    password_file
        MQTT: the file with the password.
    seconds
        For so long it listens.
    """
    from agents.tools.installer import found

    within("--seconds", seconds, 0.1, 600)
    if address and driver != "echonet":
        raise ConfigError(f"{address[0]}: addresses are asked by echonet only: {driver} takes --host and --port")
    match driver:
        case "echonet":
            lines = asyncio.run(found.nodes(host, port, address, seconds))
        case "ocpp":
            lines = asyncio.run(found.chargers(host, port, seconds))
        case "mqtt":
            lines = asyncio.run(found.topics(found.broker(host, port, user, password_file), topics, seconds))
    _print_found(lines, json)
    if not lines:
        print(f"gridpact: nothing was found within {seconds:g} s: {found.HINTS[driver]}", file=sys.stderr)
        return Exit.NEGATIVE
    return Exit.OK


def _print_found(lines: list[Mapping[str, Any]], json: bool) -> None:
    from rich.table import Table

    from agents.tools.tables import print_table, table_console

    if json:
        sys.stdout.writelines(to_json(one).decode() + "\n" for one in lines)
    elif lines:
        table = Table(*lines[0])
        for one in lines:
            table.add_row(*(_short(value, MOST_SHOWN.get(name, MOST_PAYLOAD)) for name, value in one.items()))
        print_table(table_console(), table)


def _short(value: object, most: int) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    shown = "".join(one if one.isprintable() else "?" for one in text)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


@devices_app.command
def read(*device: str, config: Path, seconds: float = 15.0, json: Json = False) -> int:
    """Show what the real devices of a daemon's file say, and their meters; the daemon must not run.

    Exit code 1 when one says nothing, is faulty, or was not given back by an earlier run.

    Parameters
    ----------
    device
        Only these.
    config
        The daemon's TOML file.
    seconds
        For so long a device may take until it says something (a charger has to call in).
    """
    from rich.table import Table

    from agents.tools.installer import words
    from agents.tools.tables import print_table, table_console

    within("--seconds", seconds, 0, 600)
    installed = _installed(config)
    with silent():
        asked = asyncio.run(_read(installed, device, seconds))
    if json:
        sys.stdout.writelines(to_json(words.as_json(one)).decode() + "\n" for one in asked)
    else:
        table = Table(*words.HEADS)
        for one in asked:
            table.add_row(*words.as_row(one))
        print_table(table_console(), table)
        sys.stdout.writelines(f"{one.name}: {one.held}\n" for one in asked if one.held)
    sound = all(one.reading is not None and not one.reading.fault and not one.held for one in asked)
    return Exit.OK if sound else Exit.NEGATIVE


async def _read(installed: "Installed", device: tuple[str, ...], seconds: float) -> "list[AskedDevice]":
    names = installed.chosen(device)
    async with installed.begun(names):
        return await installed.read_all(names, seconds)


@devices_app.command(name="set")
def set_power(
    device: str,
    power_w: Annotated[int, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    config: Path,
    lasts: float = 60.0,
    seconds: float = 15.0,
) -> int:
    """Let a device follow a power for a minute, show what it does, and give it back; the daemon must not run.

    Exit code 1 when it does not follow.

    Parameters
    ----------
    device
        Its name in the file.
    power_w
        In W, + is import: -3000 discharges.
    config
        The daemon's TOML file.
    lasts
        For how many seconds.
    seconds
        For so long it may take until it says something.
    """
    from agents.cli.mistake import mistake
    from agents.drivers.contract import DeviceTrouble

    within("--lasts", lasts, 1, 600)
    within("--seconds", seconds, 0, 600)
    installed = _installed(config)
    (name,) = installed.chosen((device,))
    installed.allowed(name, power_w)
    try:
        with silent():
            followed = asyncio.run(_try(installed, name, power_w, lasts, seconds))
    except DeviceTrouble as error:
        return mistake(str(error), Exit.NEGATIVE)
    print(f"{name} {'followed' if followed else 'did not follow'} {power_w:,} W, and was given back")
    return Exit.OK if followed else Exit.NEGATIVE


async def _try(installed: "Installed", name: str, power_w: int, lasts: float, seconds: float) -> bool:
    from agents.tools.installer import words

    async with installed.begun((name,)):
        before = await installed.read(name, seconds)
        installed.possible(before, power_w)
        print(f"before: {words.line(before)}", flush=True)
        return await installed.try_power(name, power_w, lasts, lambda one: print(words.line(one), flush=True))


def _installed(config: Path) -> "Installed":
    from agents.runtime.files.config import any_config
    from agents.tools.installer.installed import Installed

    return Installed(any_config(config), f"{config}")
