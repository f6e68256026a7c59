"""What a resident orders on the page: take part or not, limits, when to charge, what to choose."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TypeAlias

from agents.pages.home.choices import Choices
from agents.pages.home.household import UnsayableForm, limits_said
from agents.pages.home.state import ResidentState
from agents.pages.home.view import TAKES_PART, HomeDevice
from agents.pages.home.viewer import Viewer
from protocol.units import Direction

CHARGES_FOR = timedelta(hours=12)
"""Where nobody knows when the car leaves."""
Order: TypeAlias = Callable[[dict[str, str], Viewer], Awaitable[str]]
"""Does what a form says; what came of it, in the viewer's language. Raises UnsayableForm, CommandRefusal."""


class HomeOrders:
    """The orders around the state of one home."""

    def __init__(self, state: ResidentState) -> None:
        self.state = state
        self.by_name: Mapping[str, Order] = {
            "decide": self.decide, "override": self.override, "charge": self.charge, "resume": self.resume, "skip": self.skip,
            "choose": self.choose, "limit": self.limit, "unlimit": self.unlimit, "keep": self.keep, "unkeep": self.unkeep,
        }  # fmt: skip
        """Each the path of its form."""

    async def decide(self, fields: dict[str, str], viewer: Viewer) -> str:
        yes = fields.get("take_part") == "yes"
        after = await self.state.decide(fields.get("event_id", ""), yes)
        return viewer.tongue.name(after)

    async def override(self, fields: dict[str, str], viewer: Viewer) -> str:
        return await self._leave(viewer)

    async def _leave(self, viewer: Viewer, direction: Direction | None = None) -> str:
        """No to all that runs or is to come; in one direction only, where it is named."""
        tongue, now, found = viewer.tongue, self.state.now(), ""
        for one in self.state.events():
            if one.is_open(now) and one.stage in TAKES_PART and direction in (None, one.request.direction):
                found = await self.state.decide(one.event_id, False)
        return tongue.name(found) if found else tongue.text("nothing_asked")

    async def limit(self, fields: dict[str, str], viewer: Viewer) -> str:
        """What always holds of a device, in a household's words; when it leaves the next time."""
        choices, device = self.state.choices, self._device(fields)
        said = limits_said(device, fields)
        limits = choices.limits.get(device.resource_id, {}) | said
        leaves, text = dict(choices.leaves), fields.get("leaves", "")
        if text and device.departs_at is not None and text != viewer.clock.time(device.departs_at)[:5]:
            leaves[device.resource_id] = self._next(text, viewer)
        now = self.state.now()
        leaves = {name: at for name, at in leaves.items() if at > now}
        all_limits = {**choices.limits, device.resource_id: limits}
        update = {
            "limits": {name: one for name, one in all_limits.items() if one}, "leaves": leaves,
            "zone": viewer.zone or choices.zone,
        }  # fmt: skip
        return await self._choose_limits(update, viewer, "limits_saved")

    def _next(self, text: str, viewer: Viewer) -> datetime:
        """The next time that the viewer's clocks show a time of the day. Raises UnsayableForm."""
        now, zone = self.state.now(), viewer.clock.zone
        try:
            wanted = time.fromisoformat(text)
        except ValueError:
            raise UnsayableForm(f"{text!r} is no time of the day", "no_time", value=text[:20]) from None
        at = datetime.combine(now.astimezone(zone).date(), wanted, zone)
        return (at if at > now else at + timedelta(days=1)).astimezone(UTC)

    async def unlimit(self, fields: dict[str, str], viewer: Viewer) -> str:
        name, choices = fields.get("resource_id", ""), self.state.choices
        limits = {key: one for key, one in choices.limits.items() if key != name}
        return await self._choose_limits({"limits": limits}, viewer, "unlimit")

    async def keep(self, fields: dict[str, str], viewer: Viewer) -> str:
        """What is stored now stays stored, for an outage: what draws on it is left at once."""
        kept = {
            one.resource_id: min(one.soc_wh, one.capacity_wh or one.soc_wh)
            for one in self.state.devices([])
            if one.soc_wh is not None and hasattr(one.spec, "reserve_wh")
        }
        if not kept:
            raise UnsayableForm("nothing here tells how much it stores", "no_store")
        done = await self._choose_limits({"kept": kept}, viewer, "keep")
        await self._leave(viewer, Direction.DECREASE_LOAD)
        return done

    async def unkeep(self, fields: dict[str, str], viewer: Viewer) -> str:
        return await self._choose_limits({"kept": {}}, viewer, "unkeep")

    async def _choose_limits(self, update: dict[str, object], viewer: Viewer, done: str) -> str:
        """Keep it, and have the agent know at once, or as soon as it is there; what came of it, by the phrase `done`. Raises
        CommandRefusal."""
        self.state.choose(self.state.choices.model_copy(update=update))
        await self.state.keep_limits()
        return viewer.tongue.text(done if self.state.reached else "told_later")

    def _device(self, fields: dict[str, str]) -> HomeDevice:
        """The one that a form is about. Raises UnsayableForm."""
        name = fields.get("resource_id", "")
        for one in self.state.devices([]):
            if one.resource_id == name:
                return one
        raise UnsayableForm(f"there is no device {name}", "no_device", device=name[:64])

    async def charge(self, fields: dict[str, str], viewer: Viewer) -> str:
        now = self.state.now()
        leaving = [
            one.departs_at for one in self.state.devices([]) if one.departs_at is not None and one.departs_at > now
        ]
        until = min(leaving, default=now + CHARGES_FOR)
        self.state.choose(self.state.choices.model_copy(update={"paused_until": until}))
        await self._leave(viewer)
        return viewer.tongue.text("charge")

    async def resume(self, fields: dict[str, str], viewer: Viewer) -> str:
        self.state.choose(self.state.choices.model_copy(update={"paused_until": None}))
        return viewer.tongue.text("resume")

    async def skip(self, fields: dict[str, str], viewer: Viewer) -> str:
        await self.state.stay_at_home(fields.get("resource_id", ""))
        return viewer.tongue.text("skip")

    async def choose(self, fields: dict[str, str], viewer: Viewer) -> str:
        try:
            chosen = Choices.model_validate(
                self.state.choices.model_dump()
                | {
                    "rule": fields.get("rule", "ask"), "most_a_day": fields.get("most_a_day") or 2,
                    "quiet_from": _time(fields.get("quiet_from")), "quiet_to": _time(fields.get("quiet_to")),
                    "loosen_from": _time(fields.get("loosen_from")), "loosen_to": _time(fields.get("loosen_to")),
                    "zone": viewer.zone or self.state.choices.zone, "language": viewer.tongue.language,
                }
            )  # fmt: skip
        except ValueError as error:
            raise UnsayableForm(str(error), "choice") from None
        self.state.choose(chosen)
        return viewer.tongue.text("save")


def _time(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None
