"""`gridpact init`, and `gridpact scenario split`: a running system in a folder."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agents.cli.arguments import Port
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError

if TYPE_CHECKING:
    from agents.settings.scenario import Scenario
    from agents.tools.setup.system import SystemPlan

Repeated = Parameter(negative=())


def init(
    folder: Path,
    /,
    *,
    zone: str = "UTC",
    host: Annotated[tuple[str, ...], Repeated] = (),
    port: Port = 8883,
    password_port: Port = 8884,
) -> int:
    """Write a small running system into a new folder: daemons' files, books, a broker with certificates, a start script.

    Parameters
    ----------
    folder
        Where it is written.
    zone
        The time zone of its vehicles' owners, as Europe/Oslo.
    host
        A name or address under which the broker is reached from other machines; without one it listens on this machine
        only. May stand more than once.
    port
        Of the broker, for parties with a certificate.
    password_port
        The same for parties with a password.
    """
    from agents.runtime.files.scenario import build_scenario
    from agents.runtime.files.wall_clock import zone_named
    from agents.tools.access.certificates import utc_now
    from agents.tools.setup.moved import first_system
    from agents.tools.setup.system import SystemPlan

    zone_named(zone, "--zone")
    now = utc_now()
    tables = first_system(now, zone)
    return _written(SystemPlan(folder, port, password_port, host), build_scenario(tables, "gridpact init"), now)


def split(
    scenario: Path,
    /,
    *,
    out: Path,
    start: str | None = None,
    host: Annotated[tuple[str, ...], Repeated] = (),
    port: Port = 8883,
    password_port: Port = 8884,
) -> int:
    """Write a scenario as a running system: a file a daemon, books, a broker with certificates, units, a start script.

    Its instants move by whole days, so that it begins within a day from now, at the same time of the day.

    Parameters
    ----------
    scenario
        A TOML file, or the name of a shipped scenario.
    out
        The new folder in which it is written.
    start
        When it begins instead: an instant with its offset from UTC, or `+45m` from now. Days of owners' plans and times on the wall stay.
    host
        A name or address under which the broker is reached from other machines; without one it listens on this machine
        only. May stand more than once.
    port
        Of the broker, for parties with a certificate.
    password_port
        The same for parties with a password.
    """
    from agents.cli.instants import start_of
    from agents.runtime.files.included import included
    from agents.runtime.files.scenario import build_scenario, find_scenario
    from agents.runtime.files.toml import read_toml
    from agents.tools.access.certificates import utc_now
    from agents.tools.setup.moved import by_whole_days, moved
    from agents.tools.setup.system import SystemPlan

    now, found = utc_now(), find_scenario(scenario)
    tables = read_toml(found)
    start_at = build_scenario(tables, str(found), found.parent).start_at
    by = by_whole_days(start_at, now) if start is None else start_of(start, now) - start_at
    if start_at + by < now - timedelta(minutes=1):
        raise ConfigError(f"--start: {start_at + by:%Y-%m-%dT%H:%MZ} is past: its events would be over")
    later = moved(tables, by)
    later["utility"] = included(later.get("utility", {}), found.parent, f"{found}: utility", by)
    there = build_scenario(later, str(found), found.parent)
    return _written(SystemPlan(out, port, password_port, host), there, now)


def _written(plan: "SystemPlan", scenario: "Scenario", now: datetime) -> int:
    from agents.tools.setup.system import write_system

    daemons = write_system(plan, scenario, now)
    print(f"{plan.folder}: {len(daemons)} daemons with {len(scenario.homes)} homes, and a broker with certificates")
    print(f"start it: {plan.folder / 'start.sh'}; what else is there: {plan.folder / 'README.md'}")
    return Exit.OK
