"""`gridpact scenario`: scenarios made from tables, and systems made from scenarios."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from agents.cli.arguments import option, within
from agents.cli.setup import split
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError

if TYPE_CHECKING:
    from agents.runtime.files.recorded import RecordedRequest
    from agents.runtime.files.wall_clock import WallClock


scenario_app = App(name="scenario", help="Make scenarios from tables, and systems from scenarios.")
scenario_app.command(split)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """What a scenario is made of two tables by."""

    event: Annotated[str | None, option("The event of the requests; the first one by default.")] = None
    k: Annotated[
        float, option("Request = shape of the event x k x what the fleet can give: 0.3 is easy, 1.5 impossible.")
    ] = 0.7
    aggregators: Annotated[int, option("How many aggregators share the vehicles.")] = 3
    storage_kw: Annotated[float, option("Own storage of each aggregator.")] = 0.0
    plugged: Annotated[
        Literal["as_recorded", "every_evening"],
        option("Who is plugged in: as recorded in one week, or everybody."),
    ] = "as_recorded"
    zone: Annotated[
        str | None,
        option("The time zone of times without an offset, as Europe/Oslo; they are taken for UTC by default."),
    ] = None
    days: Annotated[
        int | None,
        option(
            "So many days from the first request on, with all sessions of every vehicle as they were and all requests, "
            "instead of one event."
        ),
    ] = None

    def check(self) -> None:
        """Raises ConfigError."""
        within("--k", self.k, 0.001, 1_000)
        within("--aggregators", self.aggregators, 1, 1_000)
        within("--storage-kw", self.storage_kw, 0, 1_000_000)

    def data(self, sessions: Path, requests: Path) -> tuple[dict[str, Any], str]:
        """The scenario's tables, and in words what they are. Raises ConfigError."""
        from agents.runtime.files import from_csv as tables
        from agents.runtime.files.wall_clock import WallClock, zone_named
        from protocol.units import printed

        clock = WallClock(None if self.zone is None else zone_named(self.zone))
        events = tables.read_wanted(requests, clock)
        if self.days is not None:
            return self._of_days(self.days, sessions, requests, events, clock)
        chosen = events.get(self.event) if self.event is not None else next(iter(events.values()), None)
        if chosen is None:
            which = "no event" if self.event is None else f"no event {self.event}"
            raise ConfigError(f"{requests}: event_id: there is {which} that asks for power")
        data = tables.scenario_data(
            tables.read_sessions(sessions, clock),
            chosen,
            k=self.k,
            aggregators=self.aggregators,
            storage_kw=self.storage_kw,
            plugged=tables.Plugged(self.plugged),
        )
        event = f"event {printed(chosen.number):.80}"
        return data, f"{event}, {len(data['homes'])} vehicles, {len(data['aggregators'])} aggregators"

    def _of_days(
        self, days: int, sessions: Path, requests: Path, events: "Mapping[str, RecordedRequest]", clock: "WallClock"
    ) -> tuple[dict[str, Any], str]:
        from agents.runtime.files.from_csv_days import days_data, overlapping
        from agents.runtime.files.recorded import read_sessions

        within("--days", days, 1, 3_660)
        if self.event is not None or self.storage_kw or self.plugged != "as_recorded":
            raise ConfigError("--days: goes with --k, --aggregators and --zone only")
        if not events:
            raise ConfigError(f"{requests}: event_id: there is no event that asks for power")
        users = read_sessions(sessions, clock)
        data = days_data(users, events, days, k=self.k, aggregators=self.aggregators)
        words = f"{len(data['utility']['events'])} events, {len(data['homes'])} vehicles"
        if left_out := overlapping(users):
            words += f"\n{sessions}: left out, as they begin before the last one of their user has ended: {left_out} sessions"
        return data, words


FIRST = TableOptions()


@scenario_app.command
def from_csv(*, sessions: Path, requests: Path, out: Path, options: TableOptions = FIRST) -> int:
    """Make a scenario from a table of charging sessions and a table of requests.

    Parameters
    ----------
    sessions
        CSV with user_id, plug_in, plug_out, max_kw, capacity_kwh, soc_arr; one user is one vehicle.
    requests
        CSV with event_id, start, required_mw.
    out
        The TOML file that is written.
    """
    options.check()
    data, words = options.data(sessions, requests)
    _write(out, data)
    print(f"{out}: {words}")
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
