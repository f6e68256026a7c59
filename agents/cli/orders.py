"""The command lines of `gridpact status`, `request`, `decide`, `outage`, `plan` and `quarantine`;
agents/cli/operate.py, resident.py, status.py and quarantine.py do what they say."""

import asyncio
from datetime import date
from typing import Annotated, Literal

from cyclopts import Parameter

from agents.cli.arguments import Control, Json, within
from agents.settings.mistakes import ConfigError
from protocol.bounds import MAX_POWER_W, Direction


def status(*, control: Control = None, json: Json = False) -> int:
    """What the running daemons are at."""
    from agents.cli import status as showing

    return asyncio.run(showing.show(control, json))


def request(
    direction: Direction | None = None,
    *,
    start: str = "+60m",
    kw: tuple[float, ...] = (),
    slot_minutes: int = 30,
    event_id: str | None = None,
    program: str = "dr",
    cancel: str | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
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
    dry_run
        Ask nobody: show what the fleet could probably give, by what it has told of itself, else by its contracts.
    """
    from agents.cli import operate

    if cancel is not None:
        if direction is not None or kw or dry_run:
            raise ConfigError("--cancel: stands alone; a direction and --kw are for an event that is issued or changed")
        return asyncio.run(operate.cancel(control, cancel, json))
    if direction is None or not kw:
        raise ConfigError("request: a direction and --kw are needed (or --cancel)")
    for power in kw:
        within("--kw", power, 0, MAX_POWER_W // 1_000)
    within("--slot-minutes", slot_minutes, 1, 24 * 60)
    if event_id == "":
        raise ConfigError("--event-id: is empty: leave it out for a new event")
    wanted = operate.WantedRequest(
        direction, start, tuple(round(power * 1000) for power in kw), slot_minutes * 60, event_id, program
    )
    return asyncio.run((operate.dry_run if dry_run else operate.request)(control, wanted, json))


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
    from agents.cli import resident

    return asyncio.run(resident.decide(control, event_id, answer == "yes", party))


def outage(
    grid: Literal["gone", "back"], *, party: str | None = None, under: str | None = None, control: Control = None
) -> int:
    """Tell a home that the grid at its connection point is gone (it runs independently), or back.

    Parameters
    ----------
    grid
        Whether it is gone or back; while it is gone the home withdraws what it promised and offers nothing.
    party
        The home; needed where more than one runs.
    under
        All homes below this aggregator instead.
    """
    from agents.cli import resident

    if under is not None and party is not None:
        raise ConfigError("--under: stands without --party")
    return asyncio.run(resident.outage(control, grid == "gone", party, under))


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
    from agents.cli import resident

    if not_today and not_on is not None:
        raise ConfigError("--not-on: stands without --not-today")
    return asyncio.run(resident.plan(control, party, device, not_today=not_today, not_on=_day(not_on), json=json))


def quarantine(
    *, release: str | None = None, party: str | None = None, control: Control = None, json: Json = False
) -> int:
    """Show whom the running daemons refuse, and whom they do not hear any more; let one be heard again.

    Parameters
    ----------
    release
        The sender that is to be heard again.
    party
        Only this party's; by default those of all that run here.
    """
    from agents.cli.quarantine import senders

    return asyncio.run(senders(control, release, party, json))


def _day(text: str | None) -> date | None:
    """Raises ConfigError."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--not-on: {text!r:.40} is no day, as 2026-12-24") from None
