"""The control sockets of the daemons on this machine: who answers, what stands there, what time it is in the system."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agents.runtime.daemon.client import ask
from agents.runtime.daemon.commands import CommandRefusal
from agents.runtime.daemon.sockets import sockets

MANY, MANY_EVERY_S = 50, 30.0
"""A daemon with more parties than this is asked seldom: its answer is long."""
ANSWERS_WITHIN_S = 5.0


class SystemTime:
    """The time of the daemons, which in a scenario is not that of the wall; estimated from what they say it is."""

    def __init__(self) -> None:
        self._first: tuple[datetime, float] | None = None
        self._last: tuple[datetime, float] | None = None
        self.speed = 1.0

    def hear(self, at: datetime, real_s: float) -> None:
        """A daemon's now."""
        if self._first is None or (self._last is not None and at < self._last[0] - timedelta(minutes=1)):
            self._first = at, real_s
        elif (passed_s := real_s - self._first[1]) >= 0.5:
            self.speed = max(0.0, (at - self._first[0]).total_seconds() / passed_s)
            if passed_s > 30:
                self._first = at, real_s
        self._last = at, real_s

    def now(self, floor: datetime | None = None) -> datetime:
        """What time it is there; `floor`: the last instant of which anything is told, where no daemon answers."""
        if self._last is None:
            return floor or datetime.now(UTC)
        at, real_s = self._last
        return at + timedelta(seconds=(time.monotonic() - real_s) * self.speed)

    @property
    def known(self) -> bool:
        return self._last is not None


RESTS, MOST_REST_S = 20, 10.0
"""So many times what an answer took passes before the next question."""


@dataclass(slots=True)
class AnsweringDaemon:
    """One socket."""

    path: Path
    parties: list[dict[str, Any]] = field(default_factory=list)
    alerts: dict[str, str] = field(default_factory=dict)
    next_s: float = 0.0
    gone: str = ""
    """Why it did not answer last."""


class Sockets:
    """All sockets in a directory; `look` asks them."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.time = directory, SystemTime()
        self.daemons: dict[Path, AnsweringDaemon] = {}

    async def look(self, at_once: bool = False) -> bool:
        """Ask all whose turn it is, or all; whether anything is other than before."""
        for path in sockets(self.directory):
            self.daemons.setdefault(path, AnsweringDaemon(path))
        due = [one for one in self.daemons.values() if at_once or one.next_s <= time.monotonic()]
        return any(await asyncio.gather(*map(self._ask, due)))

    async def _ask(self, daemon: AnsweringDaemon) -> bool:
        before, began_s = _shown(daemon), time.monotonic()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                answer = await ask(daemon.path, {"do": "status"})
        except (CommandRefusal, TimeoutError) as error:
            daemon.gone = str(error) or "does not answer"
            daemon.parties, daemon.alerts = [], {}
        else:
            daemon.gone, daemon.parties, daemon.alerts = "", answer["parties"], answer.get("alerts", {})
            if daemon.parties:
                self.time.hear(datetime.fromisoformat(daemon.parties[0]["shell"]["now"]), time.monotonic())
        now_s = time.monotonic()
        rests_s = 0.0 if daemon.gone else rest_s(now_s - began_s)
        daemon.next_s = now_s + (MANY_EVERY_S if len(daemon.parties) > MANY else rests_s)
        return _shown(daemon) != before

    def party(self, name: str) -> tuple[Path, dict[str, Any]] | None:
        """A party's socket and status."""
        for daemon in self.daemons.values():
            for one in daemon.parties:
                if one["name"] == name:
                    return daemon.path, one
        return None

    async def learned(self, parent: str, after: str | None) -> dict[str, int]:
        """What a parent expects of its members behind one, by what it has learned of them, %; empty where it learns nothing
        or does not answer."""
        known = self.party(parent)
        if known is None:
            return {}
        try:
            answer = await ask(known[0], {"do": "contracts", "party": parent, "after": after})
        except CommandRefusal:
            return {}
        return {name: int(one["expected_pct"]) for name, one in answer.get("learned", {}).items()}

    def of_role(self, role: str) -> list[tuple[Path, dict[str, Any]]]:
        return [(daemon.path, one) for daemon in self.daemons.values() for one in daemon.parties if one["role"] == role]

    def questions(self) -> list[tuple[str, dict[str, Any]]]:
        """What residents are asked: home and question."""
        return [
            (str(one["name"]), question)
            for daemon in self.daemons.values()
            for one in daemon.parties
            for question in one.get("questions", ())
        ]


def rest_s(took_s: float) -> float:
    """For how long a daemon is not asked again, by what its last answer took: who has much to do answers slowly."""
    return min(RESTS * took_s, MOST_REST_S)


def _shown(daemon: AnsweringDaemon) -> object:
    """What a page shows of it; the time goes on by itself."""
    events = [(one["name"], one.get("events"), one.get("questions"), one.get("limits")) for one in daemon.parties]
    return events, daemon.alerts, daemon.gone
