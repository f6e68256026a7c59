"""The commands of `gridpact`. Each returns an exit code (agents/runtime/exits.py); mistakes are one sentence on stderr."""

import asyncio
import os
import sys
import tomllib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from agents.cli import operate
from agents.cli.arguments import Speed
from agents.cli.connection import DEFAULT, Connection
from agents.cli.findings import tell
from agents.runtime.daemon.control import CommandRefusal
from agents.runtime.daemon.doctor import examine
from agents.runtime.exits import Exit
from agents.runtime.files.config import load_config
from agents.runtime.files.members import MembersError
from agents.runtime.files.scenario import load_scenario
from agents.runtime.journal.file import empty
from agents.settings.checked import ConfigError
from agents.settings.daemon import Role
from protocol.codec import to_json
from protocol.units import MAX_POWER_W, Direction


def _version() -> str:
    try:
        return version("gridpact")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="gridpact",
    version=_version,
    version_flags=["--version"],
    help="""
Demand response, negotiated: a request climbs down a tree of agents over MQTT and comes back as a deal.

Exit codes: 0 done; 1 the answer is no (no deal, for one); 2 a mistake on the command line or in a file; 3 no broker;
4 no daemon answered, or it refused; 5 the journal cannot be used; 70 a fault of our own; 130 stopped by Ctrl-C (`up`:
before there was a deal).
""",
)
scenario_app = App(name="scenario", help="Make scenarios.")
app.command(scenario_app)

Json = Annotated[bool, Parameter("--json", negative=(), help="One JSON object a line, for machines.")]
Verbose = Annotated[bool, Parameter("--verbose", negative=(), help="Tell what every home says, too.")]
Journals = Annotated[
    Path | None, Parameter("--journals", help="A new folder in which every party's journal stays after the run.")
]
Control = Annotated[Path | None, Parameter("--control", help="The directory with the control sockets.")]


def call(arguments: Sequence[str]) -> int:
    """Run a command line; the exit code. Only faults of our own show a traceback."""
    from agents.runtime.journal.journal import JournalError
    from broker.credentials import CredentialsError
    from broker.link import LinkDenied
    from broker.mosquitto import BrokerFailed, BrokerMissing
    from broker.recording_file import RecordingError

    try:
        code = app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except CycloptsError as error:
        return _mistake(str(error).splitlines()[0], Exit.USAGE)
    except (ConfigError, MembersError, RecordingError, CredentialsError) as error:
        return _mistake(str(error), Exit.USAGE)
    except (BrokerMissing, BrokerFailed, LinkDenied) as error:
        return _mistake(str(error), Exit.BROKER)
    except CommandRefusal as error:
        return _mistake(str(error), Exit.CONTROL)
    except JournalError as error:
        return _mistake(str(error), Exit.JOURNAL)
    except KeyboardInterrupt:
        return Exit.STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has gone
        return Exit.OK
    except Exception:  # noqa: BLE001 - the last resort: our own fault is shown whole and has an exit code of its own
        traceback.print_exc()
        return Exit.FAULT


def _mistake(text: str, code: Exit) -> int:
    print(f"gridpact: {text}", file=sys.stderr)
    return code


def _within(name: str, value: float, least: float, most: float) -> None:
    """Also what is no number at all. Raises ConfigError."""
    if not least <= value <= most:
        raise ConfigError(f"{name}: has to lie between {least:g} and {most:g} (it is {value:g})")


@app.command
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

    return run_daemon(load_config(config, role))


@app.command
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
        return _mistake(str(error), Exit.FAULT)
    return _verdict(summary)


def _verdict(summary: Mapping[str, object]) -> Exit:
    """A deal that stands when its run is stopped is a deal; nothing is known of one that was to come."""
    if summary["deal"] or summary["stands"]:
        return Exit.OK
    return Exit.STOPPED if summary["stopped"] else Exit.NEGATIVE


@app.command
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
        Share of messages that are lost.
    repeat_pct
        Share of messages that arrive twice.
    """
    from agents.tools.run.board import Board
    from agents.tools.run.simulate import simulate as simulated
    from agents.tools.run.view import View
    from broker.simulation import Faults

    for name, share in (("--loss-pct", loss_pct), ("--repeat-pct", repeat_pct)):
        if not 0 <= share <= 100:
            raise ConfigError(f"{name}: has to lie between 0 and 100")
    loaded = load_scenario(scenario)
    view = View(Board(loaded), json=json, verbose=verbose)
    faults = Faults(loss_pct=loss_pct, repeat_pct=repeat_pct)
    summary = simulated(loaded, loaded.seed if seed is None else seed, view, faults, empty(journals))
    return _verdict(summary)


@app.command
def status(*, control: Control = None, json: Json = False) -> int:
    """What the running daemons are at."""
    return asyncio.run(operate.status(control, json))


@app.command
def request(
    direction: Direction | None = None,
    *,
    start: str = "+60m",
    kw: tuple[float, ...] = (),
    slot_minutes: int = 30,
    event_id: str | None = None,
    program: str = "dr",
    cancel: str | None = None,
    control: Control = None,
    json: Json = False,
) -> int:
    """Issue, change or cancel an event at the running utility, and watch it to its end.

    Parameters
    ----------
    direction
        Which way the load is to change.
    start
        The first slot: an instant with its offset from UTC, or `+45m` from the utility's now.
    kw
        Power in kW, one figure a slot: `--kw 100 --kw 75`.
    slot_minutes
        Length of a slot.
    event_id
        A new one by default; that of a running event changes it.
    program
        The DR program.
    cancel
        The id of an event that is to be cancelled instead.
    """
    if cancel is not None:
        if direction is not None or kw:
            raise ConfigError("--cancel: stands alone; a direction and --kw are for an event that is issued or changed")
        return asyncio.run(operate.cancel(control, cancel, json))
    if direction is None or not kw:
        raise ConfigError("request: a direction and --kw are needed (or --cancel)")
    for power in kw:
        _within("--kw", power, 0, MAX_POWER_W // 1_000)
    _within("--slot-minutes", slot_minutes, 1, 24 * 60)
    wanted = operate.WantedRequest(
        direction, start, tuple(round(power * 1000) for power in kw), slot_minutes * 60, event_id, program
    )
    return asyncio.run(operate.request(control, wanted, json))


@app.command
def decide(event_id: str, answer: Literal["yes", "no"], *, party: str | None = None, control: Control = None) -> int:
    """Give a resident's answer: whether a home takes part in an event.

    Parameters
    ----------
    event_id
        The event that the home asks about (see `gridpact status`).
    answer
        Whether it takes part.
    party
        The home; needed where more than one asks.
    """
    return asyncio.run(operate.decide(control, event_id, answer == "yes", party))


@app.command
def plan(
    party: str,
    *,
    device: str | None = None,
    not_today: bool = False,
    not_on: str | None = None,
    control: Control = None,
    json: Json = False,
) -> int:
    """Show when a home's vehicle departs in the days ahead, or leave a departure out.

    Parameters
    ----------
    party
        The home.
    device
        Its vehicle; needed where it has more than one with a plan.
    not_today
        Today's departures that are still to come do not take place.
    not_on
        Those of another day do not, as 2026-12-24.
    """
    if not_today and not_on is not None:
        raise ConfigError("--not-on: stands without --not-today")
    return asyncio.run(operate.plan(control, party, device, not_today=not_today, not_on=_day(not_on), json=json))


def _day(text: str | None) -> date | None:
    """Raises ConfigError."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--not-on: {text!r:.40} is no day, as 2026-12-24") from None


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
    """
    from agents.runtime.files import from_csv as tables
    from agents.runtime.files.scenario import build_scenario
    from agents.runtime.files.toml_out import to_toml
    from agents.runtime.files.wall_clock import WallClock, zone_named

    _within("--k", k, 0.001, 1_000)
    _within("--aggregators", aggregators, 1, 1_000)
    _within("--storage-kw", storage_kw, 0, 1_000_000)
    clock = WallClock(None if zone is None else zone_named(zone))
    events = tables.read_wanted(requests, clock)
    chosen = events.get(event) if event is not None else next(iter(events.values()), None)
    if chosen is None:
        raise ConfigError(f"{requests}: event_id: there is no event {event} that asks for power")
    data = tables.scenario_data(
        tables.read_sessions(sessions, clock),
        chosen,
        k=k,
        aggregators=aggregators,
        storage_kw=storage_kw,
        plugged=tables.Plugged(plugged),
    )
    text = to_toml(data)
    build_scenario(tomllib.loads(text), str(out))  # what is written can be loaded
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
    print(f"{out}: event {chosen.number}, {len(data['homes'])} vehicles, {len(data['aggregators'])} aggregators")
    return Exit.OK


@app.command
def doctor(*, config: Path | None = None, connection: Connection = DEFAULT, json: Json = False) -> int:
    """Check what a daemon stands on, and say what to change: configuration, broker, clock, disk, journal.

    Exit code 1 when there is a fault.

    Parameters
    ----------
    config:
        A daemon's TOML file; its broker and its journal are looked at. Where it has a user or a certificate, give the
        doctor's own: a second connection under one name would take the daemon's place.
    """
    as_itself = connection.broker is not None or connection.has_login
    return tell(examine(config, connection.settings, as_itself), json)


@app.command
def schema(*, asyncapi: bool = False, notes: bool = False) -> int:
    """Print the JSON Schema of all messages, or the AsyncAPI 3 document, or the page about notes.

    Parameters
    ----------
    asyncapi
        The AsyncAPI document instead.
    notes
        docs/notes.md instead: every note that a party tells, with its keys and their units.
    """
    from protocol import schema as schemas
    from protocol.notes_page import notes_page

    if notes:
        sys.stdout.write(notes_page())
        return Exit.OK
    sys.stdout.write(to_json(schemas.asyncapi() if asyncapi else schemas.json_schemas()).decode() + "\n")
    return Exit.OK


# Imported when they are run only; so what `gridpact --help` says of them stands here, too, and a test compares.
app.command(
    "agents.cli.watch:watch",
    help="""Watch a running system from its topics alone: events, who negotiates, who is there, what is refused.

Nothing is published. On a terminal q ends it; elsewhere each change is a line.""",
)
app.command(
    "agents.cli.replay:replay", help="A recorded negotiation once more: checked, with another policy, live, as a test."
)
app.command(
    "agents.cli.record:record", help="Record everything on `dr/#` until Ctrl-C (or SIGTERM). Nothing is published."
)
app.command(
    "agents.cli.journal:journal_app", name="journal", help="Journals as recordings, and back; recordings without names."
)
app.command(
    "agents.cli.study:study",
    help="Negotiate every event of a table at four sizes, with and without each fallback, and say what is secured.",
)
app.command(
    "agents.cli.explain:explain",
    help="Explain an event from journals alone: who was asked what, who gave how much and why no more, and the deal.",
)
app.command(
    "agents.cli.fleet:fleet",
    help="Speak for many homes until Ctrl-C (or SIGTERM): a gateway, or the homes of a load test.",
)
app.command(
    "agents.cli.broker:broker_app", name="broker", help="A hardened Mosquitto made from the books: its files, a check."
)
app.command("agents.cli.ca:ca_app", name="ca", help="An authority of our own: certificates, renewal, revocation.")
app.command(
    "agents.cli.ca:enrol",
    help="Make a bundle for a party, a reader, a doctor or a gateway: what it needs to come in, with its [broker].",
)
