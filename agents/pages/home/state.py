"""What a home's page knows, kept up to date; and what the resident has chosen beforehand, done."""

import asyncio
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from agents.pages.chronicle import Chronicle
from agents.pages.follow import JournalFollower
from agents.pages.home.choices import Choices, answers, load, save
from agents.pages.home.view import HomeDevice, HomeEvent, home_devices, home_events
from agents.pages.sockets import Sockets
from agents.pages.web.site import Changes
from agents.runtime.daemon.client import ask
from agents.runtime.daemon.commands import CommandRefusal
from protocol.codec import to_json

LOOK_S = 0.5
PUSH_WITHIN_S = 10.0
log = structlog.get_logger("gridpact.home")


class ResidentState:
    """One home. `webhook`: where questions are pushed to; None: nowhere."""

    def __init__(
        self, name: str, folders: Sequence[Path], control: Path, choices: Path, webhook: str | None = None
    ) -> None:
        """Raises ConfigError."""
        self.name, self.chronicle, self.changes = name, Chronicle(), Changes()
        self.follower, self.sockets = JournalFollower(folders, (name,)), Sockets(control)
        self._path, self.choices, self._webhook = choices, load(choices), webhook
        self._said: set[tuple[str, bool]] = set()
        self._pushed: set[tuple[str, datetime]] = set()
        self._looking = asyncio.Lock()

    def now(self) -> datetime:
        return self.sockets.time.now(self.chronicle.last_at)

    @property
    def reached(self) -> bool:
        """Whether the home's agent answers."""
        return self.sockets.party(self.name) is not None

    def choose(self, choices: Choices) -> None:
        """Take and keep what was chosen. Raises ConfigError."""
        save(self._path, choices)
        self.choices = choices
        self._said.clear()
        self.changes.tell()

    def events(self) -> list[HomeEvent]:
        known = self.sockets.party(self.name)
        questions: dict[str, dict[str, Any]] = {}
        if known is not None:
            questions = {str(one["event_id"]): one for one in known[1].get("questions", ())}
        return home_events(self.name, self.chronicle, questions)

    def devices(self, events: list[HomeEvent]) -> list[HomeDevice]:
        return home_devices(self.name, self.chronicle, events, self.now())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if await self.look():
                self.changes.tell()
            await self._follow_choices()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> bool:
        """Read what has come; whether there is anything new."""
        async with self._looking:
            before = self.chronicle.version
            settings, entries = await asyncio.to_thread(self.follower.read)
            if settings:
                self.chronicle.know(settings)
            self.chronicle.take_all(entries)
            changed = await self.sockets.look()
            return changed or self.chronicle.version != before

    async def decide(self, event_id: str, take_part: bool) -> str:
        """The resident's answer; where the event stands then. Raises CommandRefusal."""
        told = await self._order({"do": "decide", "event_id": event_id, "take_part": take_part, "party": self.name})
        await self.look()
        self.changes.tell()
        return str(told["after"])

    async def stay_at_home(self, resource_id: str) -> None:
        """The vehicle does not depart today. Raises CommandRefusal."""
        await self._order({"do": "plan", "party": self.name, "resource_id": resource_id, "not_today": True})

    async def _order(self, command: dict[str, object]) -> dict[str, Any]:
        known = self.sockets.party(self.name)
        if known is None:
            raise CommandRefusal(f"{self.name} does not run here")
        return await ask(known[0], command)

    async def _follow_choices(self) -> None:
        """Say what the resident has chosen to say; push what is still asked."""
        now, events = self.now(), self.events()
        for answer in answers(self.choices, events, now):
            if answer in self._said:
                continue
            self._said.add((answer.event_id, answer.take_part))
            try:
                await self.decide(answer.event_id, answer.take_part)
            except CommandRefusal as refusal:
                log.warning("not_decided", event_id=answer.event_id, text=str(refusal))
        for event in self.events():
            if event.answer_by is not None and not self.choices.quiet(now):
                await self._push(event, event.answer_by)

    async def _push(self, event: HomeEvent, answer_by: datetime) -> None:
        key = event.event_id, answer_by
        if self._webhook is None or key in self._pushed:
            return
        self._pushed.add(key)
        about = {"home": self.name, "event_id": event.event_id, "text": event.asked, "answer_by": answer_by}
        try:
            await asyncio.to_thread(_post, self._webhook, to_json(about))
        except (OSError, ValueError) as error:
            log.warning("not_pushed", event_id=event.event_id, text=str(error))


def _post(where: str, body: bytes) -> None:
    request = urllib.request.Request(where, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PUSH_WITHIN_S):
        pass
