"""What a home's page knows, kept up to date; and what the resident has chosen beforehand, done."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from agents.pages.chronicle import Chronicle
from agents.pages.follow import JournalFollower
from agents.pages.home.choices import (
    MOST_TOLD,
    Choices,
    StandingAnswer,
    ToldBefore,
    answers,
    load,
    load_told,
    save,
    save_told,
    wanted_limits,
)
from agents.pages.home.mail import MailSettings
from agents.pages.home.push import PushedQuestion, push_ways
from agents.pages.home.tongue import Tongue
from agents.pages.home.view import HomeDevice, HomeEvent, home_devices, home_events
from agents.pages.sockets import Sockets
from agents.pages.web.figures import Clockface, zone_of
from agents.pages.web.site import Changes
from agents.runtime.daemon.client import ask
from agents.runtime.daemon.commands import CommandRefusal
from agents.settings.parties import DerSettings, Payment
from protocol.messages import ResourceKind

LOOK_S = 0.5
ANSWERS = ("rule", "most_a_day", "paused_until")
"""What was chosen that answers for the resident: another one answers anew."""
log = structlog.get_logger("gridpact.home")


class ResidentState:
    """One home. `webhook`, `mail`: where questions are pushed to; None: not so."""

    def __init__(
        self,
        name: str,
        folders: Sequence[Path],
        control: Path,
        choices: Path,
        webhook: str | None = None,
        mail: MailSettings | None = None,
    ) -> None:
        """Raises ConfigError."""
        self.name, self.chronicle, self.changes = name, Chronicle(), Changes()
        self.follower, self.sockets = JournalFollower(folders, (name,)), Sockets(control)
        self._path, self.choices, told = choices, load(choices), load_told(choices)
        self._said: dict[StandingAnswer, None] = dict.fromkeys(told.said)
        self.ways = push_ways(webhook, mail)
        for way in self.ways:
            way.told.update(dict.fromkeys(told.pushed.get(way.name, ())))
        self._tried: dict[str, object] = {}
        """What was ordered of each device and is not seen yet: an order that is refused is not given again and again."""
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
        if any(getattr(choices, key) != getattr(self.choices, key) for key in ANSWERS):
            self._said.clear()
        self.choices = choices
        self._tried.clear()
        self._keep_told()
        self.changes.notify()

    def events(self) -> list[HomeEvent]:
        known = self.sockets.party(self.name)
        questions: dict[str, dict[str, Any]] = {}
        if known is not None:
            questions = {str(one["event_id"]): one for one in known[1].get("questions", ())}
        return home_events(self.name, self.chronicle, questions)

    def devices(self, events: list[HomeEvent]) -> list[HomeDevice]:
        """As they are, with the limits that hold now."""
        return home_devices(self.name, self.chronicle, events, self.now(), self.limits)

    @property
    def specs(self) -> Sequence[Any]:
        """The devices as the home's settings have them."""
        settings = self.chronicle.settings.get(self.name)
        return settings.devices if isinstance(settings, DerSettings) else ()

    @property
    def payment(self) -> Payment | None:
        settings = self.chronicle.settings.get(self.name)
        return settings.payment if isinstance(settings, DerSettings) else None

    @property
    def limits(self) -> dict[str, dict[str, Any]]:
        """What the agent says of limits otherwise than its settings, by device."""
        known = self.sockets.party(self.name)
        return known[1].get("limits", {}) if known is not None else {}

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking())
            tasks.create_task(self._keep_pushing())

    async def _keep_looking(self) -> None:
        while True:
            if await self.look():
                self.changes.notify()
            await self.keep_limits()
            await self.follow_choices()
            await asyncio.sleep(LOOK_S)

    async def _keep_pushing(self) -> None:
        """Beside the rest: a mail server may take its time."""
        while True:
            await self.push_questions()
            await asyncio.sleep(LOOK_S)

    async def look(self, at_once: bool = False) -> bool:
        """Read what has come; whether there is anything new. `at_once`: what was ordered is to be seen."""
        async with self._looking:
            before = self.chronicle.version
            settings, entries = await asyncio.to_thread(self.follower.read)
            if settings:
                self.chronicle.know(settings)
            self.chronicle.take_all(entries)
            changed = await self.sockets.look(at_once)
            return changed or self.chronicle.version != before

    async def decide(self, event_id: str, take_part: bool) -> str:
        """The resident's answer; where the event stands then. Raises CommandRefusal."""
        told = await self._order({"do": "decide", "event_id": event_id, "take_part": take_part, "party": self.name})
        await self.look(at_once=True)
        self.changes.notify()
        return str(told["after"])

    async def stay_at_home(self, resource_id: str) -> None:
        """The vehicle does not depart today. Raises CommandRefusal."""
        await self._order({"do": "plan", "party": self.name, "resource_id": resource_id, "not_today": True})

    async def keep_limits(self) -> None:
        """Let the agent know what was chosen of limits and departures, whenever it says otherwise."""
        known = self.sockets.party(self.name)
        if known is None:
            return
        now, said = self.now(), known[1].get("limits", {})
        for spec in self.specs:
            name = spec.resource_id
            limits = wanted_limits(self.choices, spec, now)
            if limits != said.get(name, {}):
                await self._tell(f"limits {name}", limits, {"do": "limits", "resource_id": name, "limits": limits})
            else:
                self._tried.pop(f"limits {name}", None)
            leaves_at, plan = self.choices.leaves.get(name), self.chronicle.plans.get((self.name, name))
            if plan is None or leaves_at is None or leaves_at <= now:
                continue
            if leaves_at not in [stay.departs_at for stay in plan.stays]:
                key = leaves_at, plan.until
                await self._tell(f"leaves {name}", key, {"do": "plan", "resource_id": name, "leaves_at": leaves_at})

    async def _tell(self, what: str, meant: object, command: dict[str, object]) -> None:
        if self._tried.get(what) == meant:
            return
        self._tried[what] = meant
        try:
            await self._order({**command, "party": self.name})
            await self.look(at_once=True)
        except CommandRefusal as refusal:
            log.warning("not_limited", what=what, text=str(refusal))
        self.changes.notify()

    async def _order(self, command: dict[str, object]) -> dict[str, Any]:
        known = self.sockets.party(self.name)
        if known is None:
            raise CommandRefusal(f"{self.name} does not run here")
        return await ask(known[0], command)

    async def follow_choices(self) -> None:
        """Say what the resident has chosen to say."""
        now, events = self.now(), self.events()
        for answer in answers(self.choices, events, now):
            if answer in self._said:
                continue
            self._said[answer] = None
            try:
                await self.decide(answer.event_id, answer.take_part)
            except CommandRefusal as refusal:
                log.warning("not_decided", event_id=answer.event_id, text=str(refusal))
                if not self.reached:  # it is told when it is back
                    del self._said[answer]
            self._keep_told()

    async def push_questions(self) -> None:
        """What is still asked, unless nobody is to be disturbed."""
        if self.ways and not self.choices.quiet(self.now()):
            questions = [self._question(one, one.answer_by) for one in self.events() if one.answer_by is not None]
            gone = [await way.push(question) for question in questions for way in self.ways]
            if any(gone):
                self._keep_told()

    def _question(self, event: HomeEvent, answer_by: datetime) -> PushedQuestion:
        """A question as the resident reads it."""
        tongue, clock, now = Tongue(self.choices.language), Clockface(zone_of(self.choices.zone)), self.now()
        has_car = any(spec.kind == ResourceKind.VEHICLE for spec in self.specs)
        said = tongue.asks(event, clock, now, has_car, self.payment)
        by = tongue.text("answer_until", at=tongue.day(answer_by, clock, now))
        about = {"home": self.name, "event_id": event.event_id, "text": event.asked, "answer_by": answer_by}
        return PushedQuestion(tongue.text("subject"), f"{said}\n\n{by}\n", event.event_id, answer_by, about)

    def _keep_told(self) -> None:
        """So that a page that is started anew says nothing twice."""
        said = tuple(self._said)[-MOST_TOLD:]
        pushed = {way.name: tuple(way.told)[-MOST_TOLD:] for way in self.ways}
        save_told(self._path, ToldBefore(said=said, pushed=pushed))
