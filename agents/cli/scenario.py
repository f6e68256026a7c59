"""`gridpact scenario`: scenarios made from tables, and systems made from scenarios."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from cyclopts import App

from agents.cli.arguments import within
from agents.cli.setup import split
from agents.runtime.exits import Exit
from agents.settings.checked import ConfigError
from protocol.units import printed

scenario_app = App(name="scenario", help="Make scenarios from tables, and systems from scenarios.")
scenario_app.command(split)


@scenario_app.command
def from_csv(
    *,
    sessions: Path,
    requests: Path,
    out: Path,
    event: str | None = None,
    k: float = 0.7,
    aggregators: int = 3,
    storage_kw: float = 0.0,
    plugged: Literal["as_recorded", "every_evening"] = "as_recorded",
    zone: str | None = None,
    days: int | None = None,
) -> int:
    """Make a scenario from a table of charging sessions and a table of requests.

    Parameters
    ----------
    sessions
        CSV with user_id, plug_in, plug_out, max_kw, capacity_kwh, soc_arr; one user is one vehicle.
    requests
        CSV with event_id, start, required_mw.
    out
        The TOML file that is written.
    event
        The event of the requests; the first one by default.
    k
        Request = shape of the event x k x what the fleet can give: 0.3 is easy, 1.5 impossible.
    aggregators
        How many aggregators share the vehicles.
    storage_kw
        Own storage of each aggregator.
    plugged
        Who is plugged in: as recorded in one week, or everybody.
    zone
        The time zone of times without an offset, as Europe/Oslo; they are taken for UTC by default.
    days
        So many days from the first request on, with all sessions of every vehicle as they were and all requests, instead
        of one event.
    """
    from agents.runtime.files import from_csv as tables
    from agents.runtime.files.from_csv_days import days_data, overlapping
    from agents.runtime.files.wall_clock import WallClock, zone_named

    within("--k", k, 0.001, 1_000)
    within("--aggregators", aggregators, 1, 1_000)
    within("--storage-kw", storage_kw, 0, 1_000_000)
    clock = WallClock(None if zone is None else zone_named(zone))
    events = tables.read_wanted(requests, clock)
    if days is not None:
        within("--days", days, 1, 3_660)
        if event is not None or storage_kw or plugged != "as_recorded":
            raise ConfigError("--days: goes with --k, --aggregators and --zone only")
        if not events:
            raise ConfigError(f"{requests}: event_id: there is no event that asks for power")
        users = tables.read_sessions(sessions, clock)
        data = days_data(users, events, days, k=k, aggregators=aggregators)
        _write(out, data)
        print(f"{out}: {len(data['utility']['events'])} events, {len(data['homes'])} vehicles")
        if left_out := overlapping(users):
            print(
                f"{sessions}: left out, as they begin before the last one of their user has ended: {left_out} sessions"
            )
        return Exit.OK
    chosen = events.get(event) if event is not None else next(iter(events.values()), None)
    if chosen is None:
        which = "no event" if event is None else f"no event {event}"
        raise ConfigError(f"{requests}: event_id: there is {which} that asks for power")
    data = tables.scenario_data(
        tables.read_sessions(sessions, clock),
        chosen,
        k=k,
        aggregators=aggregators,
        storage_kw=storage_kw,
        plugged=tables.Plugged(plugged),
    )
    _write(out, data)
    print(
        f"{out}: event {printed(chosen.number):.80}, {len(data['homes'])} vehicles, {len(data['aggregators'])} aggregators"
    )
    return Exit.OK


def _write(out: Path, data: Mapping[str, Any]) -> None:
    """Raises ConfigError."""
    from agents.runtime.files.scenario import build_scenario
    from agents.runtime.files.toml_out import to_toml

    text = to_toml(data)
    build_scenario(tomllib.loads(text), str(out))  # what is written can be loaded
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
