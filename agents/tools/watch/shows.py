"""Three ways to show a picture: on a terminal, as a line a change, once."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live

from agents.history.standing import StageOr, WhyUnknown
from agents.tools.watch.panels import draw, refusal_line
from agents.tools.watch.picture import Picture
from agents.tools.watch.received import WatchChange
from agents.tools.watch.row import WatchRow
from agents.tools.watch.surroundings import Surroundings
from agents.tools.watch.words import answers, awards, clock_time, countdown, deal_energy
from protocol.codec import to_json
from protocol.kilowatts import kilowatts


class Show(Protocol):
    """Is told of changes, and ticks a few times a second."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def changed(self, change: WatchChange) -> None: ...

    def tick(self, surroundings: Surroundings) -> None: ...


class Screen:
    """Full screen, drawn anew at each tick in whatever size the terminal has then."""

    def __init__(self, picture: Picture, console: Console) -> None:
        self._picture, self._console = picture, console
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def changed(self, change: WatchChange) -> None:
        """The next tick shows it."""

    def tick(self, surroundings: Surroundings) -> None:
        self._live.update(draw(self._picture, surroundings, *self._console.size), refresh=True)


class Lines:
    """A line a change, plain or JSON. A row's figures are those at the next tick, its stage the one that came."""

    def __init__(self, picture: Picture, *, json: bool, write: Callable[[str], object] = sys.stdout.write) -> None:
        self._picture, self._json, self._write = picture, json, write
        self._changes: list[WatchChange] = []
        self._told: dict[tuple[str, str], StageOr] = {}
        self._connected = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def changed(self, change: WatchChange) -> None:
        self._changes.append(change)

    def tick(self, surroundings: Surroundings) -> None:
        rows = {(row.event_id, row.party): row for row in self._picture.rows(surroundings.now, self._json)}
        changes, self._changes = self._changes, []
        if surroundings.connected is not self._connected:
            self._connected = surroundings.connected
            told = {"at": surroundings.now, "connected": surroundings.connected}
            self._say(
                "connection", told, f"the broker {'is back' if surroundings.connected else 'is gone: trying again'}"
            )
        for change in changes:
            if change.stage is not None:
                row = rows.get((change.event_id, change.party))
                if row is not None:
                    self._row(replace(row, stage=change.stage, outcome=change.outcome), surroundings)
            elif change.refusal is not None:
                edge = change.refusal.edge
                told = asdict(change.refusal) | {"edge": None if edge is None else [edge.parent, edge.child]}
                self._say("refusal", told, refusal_line(change.refusal).plain)
            elif change.presence:
                self._presence(change.presence, surroundings)
        for key, row in rows.items():
            if self._told.get(key) is not row.stage:  # what time brings, no message does
                self._row(row, surroundings)
        self._told = {key: stage for key, stage in self._told.items() if key in rows}
        sys.stdout.flush()

    def _row(self, row: WatchRow, surroundings: Surroundings) -> None:
        self._told[(row.event_id, row.party)] = row.stage
        self._say("row", {"at": surroundings.now} | row_json(row), row_line(row, surroundings))

    def _presence(self, name: str, surroundings: Surroundings) -> None:
        party = self._picture.roll.parties.get(name)
        if party is None:
            return
        told = {"at": surroundings.now, "party": name, "online": party.online, "software": party.software}
        word = "online" if party.online else "offline"
        self._say("presence", told, f"{clock_time(surroundings.now)}  {name} is {word}  {party.software}".rstrip())

    def _say(self, what: str, told: dict[str, Any], line: str) -> None:
        self._write(to_json({"change": what} | told).decode() + "\n" if self._json else line + "\n")


def row_json(row: WatchRow) -> dict[str, Any]:
    """JSON types only, as far as `to_json` does not make them."""
    standing = row.standing.as_json() if row.standing is not None else None
    return asdict(row) | {"slot": int(row.slot.total_seconds()), "standing": standing}


def row_line(row: WatchRow, surroundings: Surroundings) -> str:
    """One line for a log."""
    words = [f"{clock_time(surroundings.now)}  {row.event_id}  {row.party}: {row.stage.replace('_', ' ')}"]
    if row.outcome:
        words[0] += f" ({row.outcome.replace('_', ' ')})"
    if row.stage is WhyUnknown.JOINED_LATE:
        return f"{words[0]}: what was answered before is not known"
    words.append(f"available {kilowatts(row.available_w)} of {kilowatts(row.requested_w)}")
    words.append("yes " + " ".join(text for text, _ in answers(row, short=False)))
    if given := awards(row):
        words.append("awards " + " ".join(text for text, _ in given))
    if row.due_wh:
        words.append(f"delivered {deal_energy(row)} kWh")
    if row.next_at is not None:
        words.append(f"{row.next} in {countdown(row.next_at, surroundings.now)}")
    return "; ".join(words)


def print_once(picture: Picture, surroundings: Surroundings, json: bool) -> None:
    """The picture as it is, and no more."""
    if json:
        told = {
            "at": surroundings.now,
            "speed": surroundings.speed,
            "rows": [row_json(row) for row in picture.rows(surroundings.now, standing=True)],
            "online": len(picture.roll.parties) - len(picture.roll.offline),
            "offline": [party.name for party in picture.roll.offline],
            "refusals": dict(picture.reasons),
            "messages": dict(picture.kinds),
        }
        sys.stdout.write(to_json(told).decode() + "\n")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        sys.stdout.writelines(f"{line}\n" for line in _plain(picture, surroundings))
        return
    lines = len(picture.rows(surroundings.now)) + 40
    console.print(draw(picture, surroundings, console.width, lines))


def _plain(picture: Picture, surroundings: Surroundings) -> Iterator[str]:
    """The picture as lines, for a pipe."""
    rows, now = picture.rows(surroundings.now, standing=True), surroundings.now
    yield from (row_line(row, surroundings) for row in rows)
    if not rows:
        yield f"{clock_time(now)}  nothing is asked at the moment"
    offline = [party.name for party in picture.roll.offline]
    online = len(picture.roll.parties) - len(offline)
    yield f"{clock_time(now)}  {online} online" + (f", offline: {', '.join(offline)}" if offline else "")
    for reason, count in picture.reasons.items():
        yield f"{clock_time(now)}  {count} refused: {reason.replace('_', ' ')}"
