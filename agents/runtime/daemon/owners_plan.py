"""An owner looks at the plan of a vehicle, or does not drive on a day, over the control socket."""

from datetime import date, datetime

from agents.drivers.plan_feed import PlanFeed
from agents.runtime.shell import Shell


class PlanRefusal(ValueError):
    """Why a plan is not changed; one sentence."""


async def owners_plan(
    shell: Shell, resource_id: str | None, *, not_today: bool, not_on: date | None, leaves_at: datetime | None = None
) -> dict[str, object]:
    """The departures of a home's vehicle in the days ahead, after what is changed of them. Raises PlanRefusal."""
    home, now = shell.actor.name, shell.clock.now()
    feed = next((one for one in shell.stepper.feeds if isinstance(one, PlanFeed)), None)
    planned = list(feed.vehicles) if feed is not None else []
    if feed is None or not planned or (resource_id is not None and resource_id not in planned):
        what = f"no plan of {resource_id}" if resource_id is not None and planned else "no vehicle with a plan"
        hint = f" (there are {', '.join(planned)})" if planned else ""
        raise PlanRefusal(f"{home} has {what}{hint}")
    if resource_id is None and len(planned) > 1:
        raise PlanRefusal(f"{home} has plans of {', '.join(planned)}: name one of them with --device")
    name = resource_id or planned[0]
    zone = feed.zone(name)
    day = now.astimezone(zone).date() if not_today else not_on
    if day is not None:
        if not feed.departs_on(name, day, now):
            raise PlanRefusal(f"{name}: the plan has no departure on {day} that is still to come")
        feed.skip(name, day)
    if leaves_at is not None and not feed.move(name, leaves_at, now):
        raise PlanRefusal(
            f"{name}: its next departure cannot be at {leaves_at.isoformat()}: not before now, nor behind the next"
        )
    told = feed.planned(name, shell.actor, now)
    if day is not None or leaves_at is not None:
        await shell.give(told)
    departures = [{"departs_at": stay.departs_at, "soc_wh": stay.soc_wh} for stay in told.stays]
    return {"resource_id": name, "zone": str(zone), "departures": departures, "skipped": list(told.skipped)}
