"""`gridpact study`: what each rung of the ladder is worth, over all events of a table of requests."""

import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from agents.cli.arguments import flag, option
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from agents.tools.study.accepted import ACCEPT_PCT
from protocol.bounds import Direction
from protocol.to_json import to_json

if TYPE_CHECKING:
    from agents.tools.study import study as whole
    from agents.tools.study.runs import StudyOutcome
    from agents.tools.study.sequence import SequenceOutcome


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """What is negotiated, and how."""

    events: Annotated[int | None, option("So many events, evenly spaced, for a quick look; all by default.")] = None
    seed: Annotated[int, option("Draws other weeks of the same users, and other delays.")] = 0
    least_share: Annotated[int, option("Percent of a request in every slot from which an alternative is accepted.")] = (
        ACCEPT_PCT
    )
    surplus: Annotated[bool, flag('Let every ladder begin with the rung `surplus`, "no fallback" too.')] = False
    plan: Annotated[bool, flag("Let every ladder begin with the rung `plan` (behind `surplus`).")] = False
    optimum: Annotated[
        bool, flag("Compare with the optimum of the coalition: one plan over all homes, with the same means.")
    ] = False
    more_load: Annotated[bool, flag("The events ask to increase load.")] = False
    living: Annotated[
        bool,
        flag(
            "Every user is a home with all of its sessions around the event, to the second; who is away is asked, and "
            "says no."
        ),
    ] = False
    sequence: Annotated[
        bool,
        flag(
            "Put the events one after the other instead, at one size, with what the aggregators learn carried on: against "
            "contracts alone, and against hindsight. With `--out` a picture, study-sequence.svg."
        ),
    ] = False
    jobs: Annotated[int | None, option("Processes; one a core by default.")] = None
    zone: Annotated[
        str | None,
        option("The time zone of times without an offset, as Europe/Oslo; they are taken for UTC by default."),
    ] = None

    def check(self) -> None:
        """Raises ConfigError."""
        for name, value, least, most in (
            ("--events", self.events, 1, None),
            ("--jobs", self.jobs, 1, 64),
            ("--least-share", self.least_share, 1, 100),
        ):
            if value is not None and (value < least or (most is not None and value > most)):
                raise ConfigError(f"{name}: has to be at least {least}" + (f" and at most {most}" if most else ""))

    @property
    def processes(self) -> int:
        """How many run at once."""
        return self.jobs or os.cpu_count() or 1

    @property
    def zone_info(self) -> ZoneInfo | None:
        """Of times without an offset; None: UTC. Raises ConfigError."""
        from agents.runtime.files.wall_clock import zone_named

        return None if self.zone is None else zone_named(self.zone)

    def run(self, sessions: Path, requests: Path, each: "whole.Each") -> "list[StudyOutcome]":
        """Negotiate all of it. Raises ConfigError."""
        from agents.tools.study import study as whole

        return whole.study(
            sessions,
            requests,
            events=self.events,
            seed=self.seed,
            accept_pct=self.least_share,
            surplus=self.surplus,
            plan=self.plan,
            optimum=self.optimum,
            direction=Direction.INCREASE_LOAD if self.more_load else Direction.DECREASE_LOAD,
            living=self.living,
            jobs=self.processes,
            zone=self.zone_info,
            each=each,
        )

    def run_sequences(self, sessions: Path, requests: Path, each: "whole.Each") -> "list[list[SequenceOutcome]]":
        """The events one after the other. Raises ConfigError."""
        from agents.tools.study import study as whole

        return whole.sequences(
            sessions,
            requests,
            events=self.events,
            seed=self.seed,
            plan=self.plan,
            jobs=self.processes,
            zone=self.zone_info,
            each=each,
        )


ALL = StudyOptions()


def study(
    *,
    sessions: Path,
    requests: Path,
    out: Path | None = None,
    options: StudyOptions = ALL,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Negotiate every event of a table at four sizes, with and without each fallback, and say what is secured.

    Parameters
    ----------
    sessions
        CSV with user_id, plug_in, plug_out, max_kw, capacity_kwh, soc_arr; one user is one vehicle.
    requests
        CSV with event_id, start, required_mw.
    out
        A folder for the table (in study.md, between its marks), study-results.json and study-ladder.svg.
    json
        One JSON object instead of the table.
    """
    from agents.tools.study import picture, results, table

    options.check()
    if out is not None:
        if not out.is_dir():
            raise ConfigError(f"{out}: is no folder")
        picture.can_draw()
    if options.sequence:
        return _tell_sequences(options.run_sequences(sessions, requests, _progress(json)), out, json)
    if out is not None:
        table.surroundings(out / "study.md")
    began = time.monotonic()
    found = options.run(sessions, requests, _progress(json))
    about = _about(found, round(time.monotonic() - began), options)
    rows = results.rows(found)
    tables = "\n".join(part for part in (table.table(rows), table.beside_optimum(rows)) if part)
    text = f"{tables}\n{table.about_line(about)}\n"
    data = to_json(results.as_json(rows, about)) + b"\n"
    if out is not None:
        picture.draw(rows, out / "study-ladder.svg")
        table.write_page(out / "study.md", text)
        _write(out / "study-results.json", data)
    if json:
        sys.stdout.buffer.write(data)
    else:
        print(text)
    return Exit.OK


def _tell_sequences(found: "list[list[SequenceOutcome]]", out: Path | None, json: bool) -> int:
    from agents.tools.study import picture, table
    from agents.tools.study.sequence import as_json, summed
    from agents.tools.study.sequence import table as sequence_table

    rows = [summed(outcomes) for outcomes in found]
    if out is not None:
        picture.draw_sequences(found, out / "study-sequence.svg")
    if json:
        sys.stdout.buffer.write(to_json({"rows": as_json(rows)}) + b"\n")
    else:
        print(sequence_table(rows, table.HABITS))
    return Exit.OK


def _about(found: "list[StudyOutcome]", seconds: int, options: StudyOptions) -> dict[str, object]:
    from agents.tools.study import results
    from agents.tools.study import study as whole
    from agents.tools.study.variants import REREQUESTS, SIZES_PCT, STORAGE_PCT

    return {
        "events": len({outcome.case.event for outcome in found}),
        "negotiations": len(found),
        "runs": sum(outcome.run for outcome in found),
        "lowered": len(results.lowered(found)),
        "seed": options.seed,
        "sizes_pct": SIZES_PCT,
        "least_share_pct": options.least_share,
        "storage_pct": STORAGE_PCT,
        "rerequests": REREQUESTS,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": whole.machine(),
        "jobs": options.processes,
        "seconds": seconds,
    }


def _progress(json: bool) -> "whole.Each":
    if json or not sys.stderr.isatty():
        return lambda done, of: None
    return lambda done, of: print(f"\r{done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
