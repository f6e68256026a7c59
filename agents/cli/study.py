"""`gridpact study`: what each rung of the ladder is worth, over all events of a table of requests."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from agents.runtime.exits import Exit
from agents.runtime.files.wall_clock import zone_named
from agents.settings.checked import ConfigError
from agents.tools.study import picture, results, table
from agents.tools.study import study as whole
from agents.tools.study.runs import StudyOutcome
from agents.tools.study.variants import ACCEPT_PCT, REREQUESTS, SIZES_PCT, STORAGE_PCT
from protocol.codec import to_json
from protocol.units import Direction


def study(
    *,
    sessions: Path,
    requests: Path,
    out: Path | None = None,
    events: int | None = None,
    seed: int = 0,
    least_share: int = ACCEPT_PCT,
    surplus: Annotated[bool, Parameter(negative=())] = False,
    plan: Annotated[bool, Parameter(negative=())] = False,
    optimum: Annotated[bool, Parameter(negative=())] = False,
    more_load: Annotated[bool, Parameter(negative=())] = False,
    living: Annotated[bool, Parameter(negative=())] = False,
    jobs: int | None = None,
    zone: str | None = None,
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
    events
        So many events, evenly spaced, for a quick look; all by default.
    seed
        Draws other weeks of the same users, and other delays.
    least_share
        Percent of a request in every slot from which an alternative is accepted.
    surplus
        Let every ladder begin with the rung `surplus`, "no fallback" too.
    plan
        Let every ladder begin with the rung `plan` (behind `surplus`).
    optimum
        Compare with the optimum of the coalition: one plan over all homes, with the same means.
    more_load
        The events ask to increase load.
    living
        Every user is a home with all of its sessions around the event, to the second; who is away is asked, and says no.
    jobs
        Processes; one a core by default.
    zone
        The time zone of times without an offset, as Europe/Oslo; they are taken for UTC by default.
    json
        One JSON object instead of the table.
    """
    for name, value, least, most in (
        ("--events", events, 1, None),
        ("--jobs", jobs, 1, 64),
        ("--least-share", least_share, 1, 100),
    ):
        if value is not None and (value < least or (most is not None and value > most)):
            raise ConfigError(f"{name}: has to be at least {least}" + (f" and at most {most}" if most else ""))
    if out is not None:
        if not out.is_dir():
            raise ConfigError(f"{out}: is no folder")
        picture.can_draw()
        table.surroundings(out / "study.md")
    count = jobs or os.cpu_count() or 1
    began = time.monotonic()
    found = whole.study(
        sessions,
        requests,
        events=events,
        seed=seed,
        accept_pct=least_share,
        surplus=surplus,
        plan=plan,
        optimum=optimum,
        direction=Direction.INCREASE_LOAD if more_load else Direction.DECREASE_LOAD,
        living=living,
        jobs=count,
        zone=None if zone is None else zone_named(zone),
        each=_progress(json),
    )
    about = _about(found, round(time.monotonic() - began), seed, least_share, count)
    rows = results.rows(found)
    tables = "\n".join(part for part in (table.table(rows), table.beside_optimum(rows)) if part)
    text = f"{tables}\n{table.about_line(about)}\n"
    data = results.as_json(rows, about)
    if out is not None:
        picture.draw(rows, out / "study-ladder.svg")
        table.write_page(out / "study.md", text)
        _write(out / "study-results.json", to_json(data) + b"\n")
    if json:
        sys.stdout.buffer.write(to_json(data) + b"\n")
    else:
        print(text)
    return Exit.OK


def _about(found: list[StudyOutcome], seconds: int, seed: int, least_share: int, jobs: int) -> dict[str, object]:
    return {
        "events": len({outcome.case.event for outcome in found}),
        "negotiations": len(found),
        "runs": sum(outcome.run for outcome in found),
        "lowered": len(results.lowered(found)),
        "seed": seed,
        "sizes_pct": SIZES_PCT,
        "least_share_pct": least_share,
        "storage_pct": STORAGE_PCT,
        "rerequests": REREQUESTS,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": whole.machine(),
        "jobs": jobs,
        "seconds": seconds,
    }


def _progress(json: bool) -> whole.Each:
    if json or not sys.stderr.isatty():
        return lambda done, of: None
    return lambda done, of: print(f"\r{done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
