"""`gridpact run`, `up` and `simulate`: one daemon, or all parties of a scenario, live or in virtual time."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from agents.cli.arguments import Control, Journals, Json, Speed, Verbose
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from agents.settings.roles import Role


def run(role: Role, *, config: Path) -> int:
    """Run one daemon until SIGTERM.

    Parameters
    ----------
    role
        What the daemon is; `der` runs any number of homes.
    config
        Its TOML file.
    """
    from agents.runtime.daemon.daemon import run_daemon
    from agents.runtime.files.config import load_config

    return run_daemon(load_config(config, role))


def up(
    scenario: Path,
    *,
    speed: Speed | None = None,
    protocol: Annotated[Literal["5", "3.1.1"], Parameter(("--protocol", "--mqtt"))] = "5",
    control: Control = None,
    journals: Journals = None,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Run a scenario live: a private Mosquitto, a process for each agent, the ladder as it is climbed.

    Parameters
    ----------
    scenario
        A TOML file, or the name of a shipped scenario.
    speed
        How much faster than real time; the scenario's own by default.
    protocol
        Which MQTT the agents speak.
    """
    from agents.cli.mistake import mistake
    from agents.runtime.files.scenario import load_scenario
    from agents.runtime.journal.file import empty
    from agents.tools.run.board import Board
    from agents.tools.run.up import AgentDied, Up
    from agents.tools.run.view import View

    loaded = load_scenario(scenario)
    if speed is not None:
        if speed <= 0:
            raise ConfigError("--speed: has to be above 0")
        loaded = replace(loaded, speed=speed)
    view = View(Board(loaded), json=json, verbose=verbose, live=True)
    try:
        summary = asyncio.run(Up(loaded, view, protocol=protocol, control=control, journals=empty(journals)).run())
    except AgentDied as error:
        return mistake(str(error), Exit.FAULT)
    return exit_of(summary)


def exit_of(summary: Mapping[str, object]) -> Exit:
    """A deal that stands when its run is stopped is a deal; nothing is known of one that was to come."""
    if summary["deal"] or summary["stands"]:
        return Exit.OK
    return Exit.STOPPED if summary["stopped"] else Exit.NEGATIVE


def simulate(
    scenario: Path,
    *,
    seed: int | None = None,
    loss_pct: int = 0,
    repeat_pct: int = 0,
    journals: Journals = None,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Run a scenario in virtual time, without a broker.

    Parameters
    ----------
    scenario
        A TOML file, or the name of a shipped scenario.
    seed
        Of delays and faults; the scenario's own by default.
    loss_pct
        Share of messages that are lost. Homes are asked then to say that they have a dispatch (`answers_dispatch`), where
        the scenario says nothing of that.
    repeat_pct
        Share of messages that arrive twice.
    """
    from agents.runtime.files.scenario import load_scenario
    from agents.runtime.journal.file import empty
    from agents.tools.run.board import Board
    from agents.tools.run.simulate import simulate as simulated
    from agents.tools.run.view import View
    from broker.chance import Faults

    for name, share in (("--loss-pct", loss_pct), ("--repeat-pct", repeat_pct)):
        if not 0 <= share <= 100:
            raise ConfigError(f"{name}: has to lie between 0 and 100")
    loaded = load_scenario(scenario, lossy=loss_pct > 0)
    view = View(Board(loaded), json=json, verbose=verbose)
    faults = Faults(loss_pct=loss_pct, repeat_pct=repeat_pct)
    summary = simulated(loaded, loaded.seed if seed is None else seed, view, faults, empty(journals))
    return exit_of(summary)
