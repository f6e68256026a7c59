"""Recordings and journals seen again, with a slider: the same views, over what was known at an instant."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agents.pages.chronicle import Chronicle
from agents.pages.console.event_view import unknown, view
from agents.pages.console.orders import said
from agents.pages.console.seeing import event_values
from agents.pages.web.accounts import PageSession
from agents.pages.web.site import clockface
from agents.runtime.journal.export import settings_in
from agents.runtime.journal.file import journal_files
from agents.settings.parties import DerSettings, PartySettings
from agents.tools.explain.sources import JournalSources
from broker.recording_file import RecordingFile
from protocol.actor import Entry

if TYPE_CHECKING:
    from agents.pages.console.app import Console

MOST_ENTRIES = 2_000_000
SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{0,9})?")


@dataclass(slots=True)
class Replayed:
    """All entries of one recording, and the chronicle up to where it was seen last: going on takes only what is new."""

    name: str
    settings: dict[str, PartySettings]
    entries: list[Entry]
    _told: Chronicle = field(default_factory=Chronicle)
    _place: int = 0

    @property
    def begin(self) -> datetime:
        return self.entries[0].at

    @property
    def end(self) -> datetime:
        return self.entries[-1].at

    def at(self, instant: datetime) -> Chronicle:
        """What was known at an instant."""
        if self._place and self.entries[self._place - 1].at > instant:
            self._told, self._place = Chronicle(), 0
        if not self._place:
            self._told.know(self.settings.values())
        while self._place < len(self.entries) and self.entries[self._place].at <= instant:
            self._told.take(self.entries[self._place])
            self._place += 1
        return self._told


class Recordings:
    """Files of recordings, and folders of journals, that may be seen again; each is kept as it was read last."""

    MOST_READ = 4

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.paths = {path.name: path for path in paths}
        self._read: dict[str, Replayed] = {}

    async def find(self, name: str, anew: bool) -> Replayed:
        """`anew`: what was written since it was read last counts, too. Raises HTTPException."""
        if name not in self.paths:
            raise HTTPException(404, f"There is no recording {name}: name it with --recordings.")
        if anew or name not in self._read:
            self._read.pop(name, None)
            self._read[name] = await asyncio.to_thread(_load, name, self.paths[name])
            while len(self._read) > self.MOST_READ:
                del self._read[next(iter(self._read))]
        return self._read[name]


def _load(name: str, path: Path) -> Replayed:
    if path.is_dir():
        files = journal_files([path])
        found = [one for file in files if (one := file.configuration()) is not None]
    else:
        found = settings_in(RecordingFile(path))
    settings = {party.name: party for one in found for party in one.each()}
    homes = {key for key, one in settings.items() if isinstance(one, DerSettings)}
    stored = (one for one in JournalSources([path]).stored() if one.actor not in homes)
    return Replayed(name, settings, [one.entry() for one, _ in zip(stored, range(MOST_ENTRIES), strict=False)])


async def recordings(console: "Console", request: Request, session: PageSession) -> Response:
    """What there is to see again."""
    names = list(console.recordings.paths)
    return console.show("replays", request, session, title="Replay", names=names, live=False)


async def replay(console: "Console", request: Request, session: PageSession) -> Response:
    """A recording at an instant; `beside`: another one at the same time since its beginning."""
    names = [str(request.path_params["name"]), *request.query_params.getlist("beside")[:1]]
    given = request.query_params.get("at", "")
    clock = clockface(request)
    sides = []
    first: Replayed | None = None
    seconds = 0.0
    for name in names:
        one = await console.recordings.find(name, anew=not given)
        if not one.entries:
            raise HTTPException(404, f"{name} has no steps of parties that ask others.")
        if first is None:
            first = one
            longest = (one.end - one.begin).total_seconds()
            seconds = min(float(given), longest) if SECONDS.fullmatch(given) else longest
        instant = one.begin + timedelta(seconds=seconds)
        told = one.at(instant)
        events = [found for event in told.history.events.values() if (found := view(event, instant)) is not None]
        wanted = request.query_params.get("event", "")
        shown = next((found for found in events if found.event_id == wanted), events[-1] if events else None)
        values = event_values(shown, told, clock, instant) if shown is not None else None
        sides.append((one, instant, events, values))
    assert first is not None
    return console.show(
        "replay", request, session, title=f"Replay of {first.name}", sides=sides, name=first.name, seconds=round(seconds),
        longest=int((first.end - first.begin).total_seconds()) + 1, said=said, unknown=unknown, live=False,
        now=sides[0][1], speed=0.0, names=list(console.recordings.paths), base="",
    )  # fmt: skip
