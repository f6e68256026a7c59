"""What the console knows, kept up to date: journals are followed, sockets are asked, open pages are told."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from agents.pages.chronicle import Chronicle
from agents.pages.console.certificates import CertificateEnds
from agents.pages.console.event_view import EventView, view
from agents.pages.console.presence import PresenceTap
from agents.pages.follow import JournalFollower
from agents.pages.sockets import Sockets
from agents.pages.web.site import Changes
from broker.address import Address

LOOK_S = 0.5
KNOWN_WITHIN = 50
"""Looks, after which an event that was ordered is not waited for any more."""
AT_ONCE = 500
"""Entries that are folded before other requests have their turn."""
log = structlog.get_logger("gridpact.console")


@dataclass(slots=True)
class ShownAlert:
    """An alert of a daemon, or one of the console about it."""

    key: str
    who: str
    name: str
    text: str
    since_at: datetime
    over_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None


class ConsoleState:
    """One system."""

    MOST_ALERTS = 500

    def __init__(
        self, folders: Sequence[Path], control: Path, broker: Address | None = None, certificates: Path | None = None
    ) -> None:
        """`broker`: where presence is heard, `certificates`: where those of parties lie; None: nowhere."""
        self.certificates = CertificateEnds(certificates) if certificates is not None else None
        self.chronicle, self.changes = Chronicle(), Changes()
        self.follower, self.sockets = JournalFollower(folders), Sockets(control)
        self.alerts: dict[str, ShownAlert] = {}
        self._looking = asyncio.Lock()
        self.presence = PresenceTap(broker, self.changes.notify) if broker is not None else None

    def now(self) -> datetime:
        """What time it is in the system."""
        return self.sockets.time.now(self.chronicle.last_at)

    @property
    def online(self) -> dict[str, bool]:
        """By party, as its presence on the broker says; empty where no broker is listened to."""
        return self.presence.online if self.presence is not None else {}

    async def run(self) -> None:
        """Until cancelled. Raises LinkDenied where the broker does not let us in."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            if self.presence is not None:
                tasks.create_task(self.presence.run())

    async def _keep_looking(self) -> None:
        while True:
            if await self.look():
                self.changes.notify()
            await asyncio.sleep(LOOK_S)

    async def known(self, event_id: str) -> bool:
        """Wait until the journals tell of an event that was just ordered; whether they do in time."""
        return await self.seen(lambda: self.chronicle.event(event_id) is not None)

    async def seen(self, holds: Callable[[], bool]) -> bool:
        """Wait until the journals tell of what was just ordered; whether they do in time."""
        for _ in range(KNOWN_WITHIN):
            if holds():
                return True
            await self.look()
            await asyncio.sleep(LOOK_S / 5)
        return False

    async def look(self) -> bool:
        """Read what has come; whether there is anything new."""
        async with self._looking:
            return await self._look()

    async def _look(self) -> bool:
        before = self.chronicle.version
        settings, entries = await asyncio.to_thread(self.follower.read)
        if settings:
            self.chronicle.know(settings)
        for begin in range(0, len(entries), AT_ONCE):
            self.chronicle.take_all(entries[begin : begin + AT_ONCE])
            await asyncio.sleep(0)
        changed = await self.sockets.look()
        changed |= self._note_alerts()
        return changed or self.chronicle.version != before

    def _note_alerts(self) -> bool:
        found: dict[str, tuple[str, str, str]] = {}
        for daemon in self.sockets.daemons.values():
            who = daemon.path.stem
            if daemon.gone:
                found[f"{who}/gone"] = who, "daemon gone", daemon.gone
            for name, text in daemon.alerts.items():
                found[f"{who}/{name}"] = who, name, text
        for path, text in self.follower.problems.items():
            found[f"{path.name}/unread"] = path.name, "journal unread", text
        return self._compare(found)

    def _compare(self, found: Mapping[str, tuple[str, str, str]]) -> bool:
        now, changed = datetime.now(UTC), False
        for key, (who, name, text) in found.items():
            known = self.alerts.get(key)
            if known is None or known.over_at is not None:
                self.alerts.pop(key, None)
                self.alerts[key] = ShownAlert(key, who, name, text, now)
                changed = True
            elif known.text != text:
                known.text, changed = text, True
        for known in self.alerts.values():
            if known.over_at is None and known.key not in found:
                known.over_at, changed = now, True
        while len(self.alerts) > self.MOST_ALERTS:
            del self.alerts[next(iter(self.alerts))]
        return changed

    @property
    def open_alerts(self) -> int:
        """That stand, and nobody has acknowledged."""
        return sum(one.over_at is None and not one.acknowledged_by for one in self.alerts.values())

    def views(self) -> list[EventView]:
        """All events, the newest first."""
        now = self.now()
        found = [view(event, now) for event in reversed(self.chronicle.history.events.values())]
        return [one for one in found if one is not None]

    def view(self, event_id: str) -> EventView | None:
        event = self.chronicle.event(event_id)
        return view(event, self.now()) if event is not None else None
