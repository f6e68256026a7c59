"""`gridpact replay`: a recorded negotiation checked, under another policy, played to a live party, kept as a test."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from agents.cli.arguments import Seconds, Speed, option
from agents.cli.connection import DEFAULT, Connection
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from agents.settings.rungs import PlanMode, Rung
from agents.tools.replay.devices import Devices
from protocol.to_json import to_json

if TYPE_CHECKING:
    from rich.console import Console

    from agents.tools.replay.changes import SettingChange
    from agents.tools.replay.compared import PlayedResult
    from broker.clock import Clock


replay = App(name="replay")

Flag = Parameter(negative=())
Json = Annotated[bool, Parameter("--json", negative=(), help="One JSON object, for machines.")]
COLOURS = {"-": "red", "+": "green", "@": "cyan"}
MOST_DIFFERENCES = 40


class Instants(StrEnum):
    """In whose time a recording is played."""

    SHIFTED = "shifted"
    RECORDED = "recorded"


@replay.command
def verify(recording: Path, /, *, json: Json = False) -> int:
    """Make every decision of a recording again and compare it, byte for byte; show the first difference. The bounds of plans
    are computed again from what members told.

    Exit code 1 when something differs, or a bound does not hold.

    Parameters
    ----------
    recording
        A recording with steps, a journal, or a directory of journals.
    """
    from rich.text import Text

    from agents.tools.replay.source import RecordingSource
    from agents.tools.replay.verify import verify as verified

    result = verified(RecordingSource(recording))
    if json:
        sys.stdout.write(to_json(result.as_json()).decode() + "\n")
        return Exit.OK if result.divergence is None and not result.wrong_bounds else Exit.NEGATIVE
    console = _console()
    if result.cut:
        console.print(result.cut)
    if result.divergence is not None:
        step = result.divergence.step
        console.print(
            f"{step.actor} decides otherwise than on {step.at:%Y-%m-%d} at {step.at:%H:%M:%S.%f}, "
            f"entry {step.seq} of {result.divergence.label}"
        )
        console.print(f"it {result.divergence.received}" if step.input != b"null" else result.divergence.received)
        console.print(Text("- recorded", style="red"), Text("+ now", style="green"))
        for line in result.divergence.lines():
            console.print(Text(line, style=COLOURS.get(line[:1], "")))
        return Exit.NEGATIVE
    console.print(
        f"{result.entries} entries of {len(result.parties)} parties: every decision is made again, byte for byte"
    )
    hours = result.span.total_seconds() / 3600
    console.print(f"{hours:.1f} hours in {result.took_s:.2f} s: {result.times_real:,.0f} times real time")
    for text in result.wrong_bounds:
        console.print(text)
    if result.bounds and not result.wrong_bounds:
        console.print(f"{result.bounds} bounds of plans are computed again from what members told: all hold")
    return Exit.NEGATIVE if result.wrong_bounds else Exit.OK


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PolicyOptions:
    """What is otherwise than it was recorded."""

    set_: Annotated[
        tuple[str, ...],
        Parameter(
            "--set",
            negative=(),
            help="KEY=VALUE for all who have the setting, or PARTY.KEY=VALUE; the party may be `utility`, `coordinator`, "
            "`aggregators`, `homes`. May stand more than once.",
        ),
    ] = ()
    surplus: Annotated[bool, option("Whether aggregators ask members for more of what they could give.")] = True
    storage: Annotated[bool, option("Whether aggregators use their own storage.")] = True
    relax: Annotated[bool, option("Whether vehicles are asked to relax.")] = True
    alternative: Annotated[bool, option("Whether aggregators propose alternatives.")] = True
    sharing: Annotated[
        str | None,
        option(
            "How a deal is shared out: `proportional`, `merit_order`, `least_relay_wear`, or a policy that is installed."
        ),
    ] = None
    plan: Annotated[PlanMode | None, option("How the coordinator plans.")] = None
    accept_share_pct: Annotated[
        int | None, option("The share, in every slot, that utility and coordinator accept.")
    ] = None
    max_rerequests: Annotated[int | None, option("How often the coordinator may re-request.")] = None
    mandate: Annotated[bool | None, option("Whether the utility buys what is secured without being asked again.")] = (
        None
    )

    def changes(self) -> "list[SettingChange]":
        """Of settings. Raises ConfigError."""
        from agents.tools.replay.changes import SettingChange

        given = {
            "aggregators.sharing": self.sharing,
            "coordinator.plan": self.plan,
            "accept_share_pct": self.accept_share_pct,
            "coordinator.max_rerequests": self.max_rerequests,
            "utility.mandate": self.mandate,
        }
        texts = [*self.set_, *(f"{key}={value}" for key, value in given.items() if value is not None)]
        return [SettingChange.read(text) for text in texts]

    def without(self) -> list[Rung]:
        """The rungs that are taken away."""
        ladder = (
            (Rung.SURPLUS, self.surplus),
            (Rung.OWN_STORAGE, self.storage),
            (Rung.RELAX, self.relax),
            (Rung.ALTERNATIVE, self.alternative),
        )
        return [rung for rung, stored in ladder if not stored]


AS_RECORDED = PolicyOptions()


@replay.command
def what_if(
    recording: Path,
    /,
    *,
    policy: PolicyOptions = AS_RECORDED,
    devices: Devices | None = None,
    everything: Annotated[bool, Flag] = False,
    json: Json = False,
) -> int:
    """The recorded events under another policy, beside what came of them.

    Parameters
    ----------
    recording
        A recording with settings, or a directory of journals.
    devices
        `alive`: they compute again (when their settings are there); `recorded`: they answer as they did.
    everything
        Show what is the same, too.
    """
    from agents.tools.replay.source import RecordingSource
    from agents.tools.replay.table import remarks, side_by_side
    from agents.tools.replay.what_if import RecordedRun
    from agents.tools.tables import print_table

    compared = RecordedRun(RecordingSource(recording)).what_if(policy.changes(), policy.without(), devices)
    if json:
        sys.stdout.write(to_json(compared.as_json()).decode() + "\n")
        return Exit.OK
    console = _console()
    for table in side_by_side(compared, everything):
        print_table(console, table)
    for line in remarks(compared):
        console.print(line)
    return Exit.OK


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PlayOptions:
    """In which time a recording is played."""

    speed: Annotated[Speed, option("Times real time; other than 1 only with `--clock recorded`.")] = 1.0
    clock: Annotated[
        Instants,
        option(
            "`shifted`: every instant is moved to now; `recorded`: instants stay, and the party runs on the clock that is "
            "printed."
        ),
    ] = Instants.SHIFTED
    write_clock: Annotated[Path | None, option("A file for that clock, as a table for the party's TOML.")] = None
    within_s: Annotated[
        Seconds,
        option(
            "How long to wait for the party to come online; a recorded clock reaches the first message after this time."
        ),
    ] = 30
    grace_s: Annotated[Seconds, option("How long to wait after the last recorded message for what is missing.")] = 10

    def check(self) -> None:
        """Raises ConfigError."""
        if self.clock is Instants.SHIFTED and (self.speed != 1 or self.write_clock is not None):
            raise ConfigError("instants that are moved to now need real time: give --clock recorded as well")
        if self.speed <= 0 or self.within_s <= 0 or self.grace_s < 0:
            raise ConfigError("speed and within-s have to be above 0, grace-s at least 0")

    def running(self, origin_at: datetime, json: bool) -> "Clock | None":
        """The recorded clock, printed or written; None where instants are moved to now."""
        from agents.runtime.files.toml_out import to_toml
        from broker.clock import Clock

        if self.clock is Instants.SHIFTED:
            return None
        anchor_at = datetime.now(UTC) + timedelta(seconds=self.within_s)
        table = to_toml({"clock": {"origin_at": origin_at, "anchor_at": anchor_at, "speed": self.speed}})
        if self.write_clock is None:
            print(table, file=sys.stderr if json else sys.stdout, flush=True)
        else:
            self.write_clock.write_text(table, encoding="utf-8")
        return Clock(origin_at, anchor_at, self.speed)


IN_REAL_TIME = PlayOptions()


@replay.command
def onto(
    recording: Path,
    /,
    *,
    under_test: str,
    connection: Connection = DEFAULT,
    play: PlayOptions = IN_REAL_TIME,
    json: Json = False,
) -> int:
    """Play a recording to one live party: all who have an edge with it say again what they said; compare its answers.

    Exit code 1 when it says something else than in the recording.

    Parameters
    ----------
    recording
        A recording, a journal, or a directory of journals.
    under_test
        The live party, such as `ra-1`. It begins with an empty memory, and nobody else of the recording is connected.
    """
    from agents.tools.replay.onto import Onto
    from agents.tools.replay.source import RecordingSource
    from agents.tools.replay.wire import on_the_wire

    play.check()
    played = Onto(on_the_wire(RecordingSource(recording).lines()), under_test)
    running = play.running(played.origin_at, json)
    compared = asyncio.run(played.play(connection.address(), play.grace_s, play.within_s, running))
    if json:
        sys.stdout.write(to_json(compared.as_json()).decode() + "\n")
    else:
        _print_played(compared)
    return Exit.OK if compared.same else Exit.NEGATIVE


def _print_played(compared: "PlayedResult") -> None:
    from rich.table import Table
    from rich.text import Text

    from agents.tools.tables import print_table

    console = _console()
    table = Table(title=f"{compared.under_test} said", title_justify="left")
    for name in ("", "recorded", "live", "the same"):
        table.add_column(name, justify="right" if name else "left")
    for kind, figures in compared.kinds().items():
        table.add_row(kind, *map(str, figures))
    print_table(console, table)
    differences = compared.differences()
    for sign, edge, text in differences[:MOST_DIFFERENCES]:
        console.print(Text(f"{sign} {edge.parent}/{edge.child} {text}", style=COLOURS[sign]))
    if len(differences) > MOST_DIFFERENCES:
        console.print(f"... and {len(differences) - MOST_DIFFERENCES} more")
    for what, count in compared.unanswered.items():
        console.print(f"{count} x a played child {what}")
    if compared.unsaid:
        console.print(f"{compared.unsaid} recorded messages from above were not said: no offer came that they accept")
    if compared.same:
        console.print("the same, kinds and power, on every edge")


@replay.command
def as_test(recording: Path, /, *, out: Path) -> int:
    """Keep a recording as a test: compressed, with its transcript beside it.

    Parameters
    ----------
    recording
        A recording with steps, a journal, or a directory of journals.
    out
        The new files' name without their endings, such as `tests/recordings/evening`.
    """
    from agents.runtime.software import software
    from agents.tools.replay.as_test import keep
    from agents.tools.replay.source import RecordingSource

    for path in keep(RecordingSource(recording), out, software()):
        print(f"{path}: {path.stat().st_size / 1024:.0f} KB")
    return Exit.OK


def _console() -> "Console":
    from agents.tools.tables import table_console

    return table_console()
