"""The picture on a terminal: events, who negotiates, who is there, what was refused. Made to fit any size."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from agents.history.standing import PartyStage
from agents.tools.watch.picture import Picture
from agents.tools.watch.presence import Roll
from agents.tools.watch.received import WatchedRefusal
from agents.tools.watch.row import WatchRow
from agents.tools.watch.surroundings import Surroundings
from agents.tools.watch.table import WIDE, shown, stage, table
from agents.tools.watch.words import clock_time, countdown, deal_energy
from protocol.kilowatts import kilowatts
from protocol.units import Direction

HEADER, BORDER = 1, 2
"""Lines of them."""
SPARKS = " ▁▂▃▄▅▆▇█"
ARROWS = {Direction.INCREASE_LOAD: "▲", Direction.DECREASE_LOAD: "▼", None: " "}


def draw(picture: Picture, surroundings: Surroundings, width: int, height: int) -> RenderableType:
    """All panels for a terminal of that size."""
    rows = picture.rows(surroundings.now)
    events = [row for row in rows if row.depth == 0]
    found = shown(rows)
    most_events = max(1, min(len(events), height // 6))
    left = height - HEADER - (most_events + BORDER) - (1 + BORDER) - (1 + BORDER) - BORDER
    lines = min(left, 1 + max(1, len(found)))
    refusals = list(picture.refusals)[-max(1, 1 + left - lines) :]
    return Group(
        header(surroundings, width),
        _panel("events", _events(events, most_events, surroundings.now)),
        _panel("negotiation", table(found, surroundings.now, width, max(1, lines - 1))),
        _panel("presence", presence(picture.roll, width)),
        _panel(_refused_title(picture), _refusals(refusals), "q ends"),
    )


def _panel(title: str, body: RenderableType, below: str | None = None) -> Panel:
    return Panel(body, title=title, title_align="left", subtitle=below, border_style="dim", padding=(0, 1))


def header(surroundings: Surroundings, width: int) -> Text:
    """The first line: where, when, how busy, how to leave."""
    wide = width >= WIDE
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(" gridpact watch ", "reverse")
    line.append(f" {surroundings.where}  ")
    if surroundings.connected:
        line.append(
            f"{surroundings.now:%Y-%m-%d %H:%M:%S} UTC" if wide else f"{surroundings.now:%m-%d %H:%M:%S}", "bold"
        )
    else:
        line.append("the broker is gone: trying again", "bold red")
    if surroundings.scaled:
        line.append(f" x{surroundings.speed:g}", "magenta")
    line.append(f"  {surroundings.messages} messages " if wide else f"  {surroundings.messages} msg ")
    if wide and surroundings.rates:
        line.append(f" {sum(surroundings.rates[-10:]) / 10:.1f}/s ")
    line.append(sparkline(surroundings.rates[-(30 if wide else 10) :]), "cyan")
    return line


def sparkline(counts: Sequence[int]) -> str:
    """One block a figure, of the highest one's height."""
    most = max([*counts, 1])
    return "".join(SPARKS[-(-count * (len(SPARKS) - 1) // most)] for count in counts)


# -- events


def _events(events: Sequence[WatchRow], most: int, now: datetime) -> RenderableType:
    if not events:
        return Text("nothing is asked at the moment", "dim")
    ordered = sorted(events, key=lambda row: row.stage is PartyStage.CLOSED)
    lines = [event_line(row, now) for row in ordered[:most]]
    if len(ordered) > most:
        lines[-1] = Text(f"and {len(ordered) - most + 1} more", "dim")
    return Group(*lines)


def event_line(row: WatchRow, now: datetime) -> Text:
    """One event, as its first party sees it."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{ARROWS[row.direction]} {row.event_id}", "bold")
    if row.start is not None:
        line.append(f"  {row.start:%H:%M} {_slots(row)}")
    line.append(f"  {kilowatts(row.requested_w)}  ")
    line.append_text(stage(row))
    if row.next_at is not None:
        line.append(f"  {row.next} in {countdown(row.next_at, now)}")
    if row.due_wh:
        line.append(f"  delivered {deal_energy(row)} kWh")
    return line


def _slots(row: WatchRow) -> str:
    minutes = row.slot.total_seconds() / 60
    return f"{len(row.requested_w or ())}x{minutes:g} min"


# -- presence, refusals


def presence(roll: Roll, width: int) -> Text:
    """How many are there, and by name who is not."""
    offline = roll.offline
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{len(roll.parties) - len(offline)} online", "green")
    if offline:
        named = [party.name + (f" since {clock_time(party.since_at)}" if party.since_at else "") for party in offline]
        line.append(f"  {len(offline)} offline: ", "bold red")
        line.append(", ".join(named[:20]) + (", ..." if len(named) > 20 else ""), "red")
    if width >= WIDE or not offline:
        software = Counter(party.software or "unknown software" for party in roll.parties.values())
        line.append("".join(f"  {name} x{count}" for name, count in software.most_common(3)), "dim")
    return line


def _refused_title(picture: Picture) -> str:
    total = sum(picture.reasons.values())
    told = ", ".join(f"{reason} {count}" for reason, count in picture.reasons.most_common(4))
    beyond = f"; {picture.not_followed} messages beyond what is followed" if picture.not_followed else ""
    return f"refusals: {total} ({told}){beyond}" if total else f"refusals{beyond}"


def _refusals(refusals: Sequence[WatchedRefusal]) -> RenderableType:
    if not refusals:
        return Text("none", "dim")
    return Group(*(refusal_line(refusal) for refusal in refusals))


def refusal_line(refusal: WatchedRefusal) -> Text:
    """Who refused what, and why."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{clock_time(refusal.at)} ", "dim")
    edge = refusal.edge
    if edge is None or not refusal.by:
        line.append(f"unreadable {refusal.kind}: ")
    else:
        line.append(f"{refusal.by} refuses {refusal.kind} of {edge.other(refusal.by)}: ")
    line.append(refusal.reason.replace("_", " "), "red")
    line.append(f"  {refusal.text}", "dim")
    return line
