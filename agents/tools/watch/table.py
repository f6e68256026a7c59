"""Who negotiates: a line a party, in as many columns as the terminal has room for."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agents.history.standing import PartyStage, StageOr, WhyUnknown
from agents.tools.watch.row import WatchRow
from agents.tools.watch.words import Answered, answers, awards, countdown, deal_energy, worst_slot
from protocol.kilowatts import kilo, kilowatts

WIDE = 120
"""From this many columns on there is room for what is missing in each slot, and for what was delivered."""
STYLES: dict[StageOr, str] = {
    PartyStage.ASKED: "dim",
    PartyStage.COLLECTING: "cyan",
    PartyStage.RELAXING: "yellow",
    PartyStage.OFFERED: "green",
    PartyStage.OPTED_OUT: "red",
    PartyStage.PROPOSED: "red",
    PartyStage.STANDBY: "bold green",
    PartyStage.DELIVERING: "bold blue",
    PartyStage.CLOSED: "dim",
}


def shown(rows: Sequence[WatchRow]) -> list[WatchRow]:
    """Who negotiates: of the events that are open, or else of the last one. An event's first party has its line
    above already, unless it is the only one."""
    open_ = {row.event_id: None for row in rows if row.depth == 0 and row.stage is not PartyStage.CLOSED}
    wanted = open_ or {row.event_id: None for row in rows[-1:]}
    chosen = [row for row in rows if row.event_id in wanted]
    below = {row.event_id for row in chosen if row.depth > 0}
    return [row for row in chosen if row.depth > 0 or row.event_id not in below]


def table(rows: Sequence[WatchRow], now: datetime, width: int, most: int) -> RenderableType:
    """A line a party; what finds no room is counted."""
    if not rows:
        return Text("nobody negotiates", "dim")
    wide = width >= WIDE
    found = _columns(wide)
    fit = rows if len(rows) <= most else rows[: most - 1]
    several = len({row.event_id for row in rows}) > 1
    for row in fit:
        found.add_row(*_cells(row, now, wide, several))
    if len(fit) < len(rows):
        found.add_row(Text(f"and {len(rows) - len(fit)} more", "dim"))
    return found


def _columns(wide: bool) -> Table:
    found = Table(box=None, pad_edge=False, padding=(0, 1) if wide else (0, 1, 0, 0), header_style="dim")
    found.add_column("party", min_width=8, max_width=30 if wide else 18, overflow="fold")
    found.add_column("stage", no_wrap=True, min_width=10)
    found.add_column("available of asked, kW" if wide else "available, kW", no_wrap=True, min_width=16)
    found.add_column("yes", no_wrap=True, overflow="ellipsis")
    if wide:
        found.add_column("short in each slot", no_wrap=True, overflow="ellipsis", max_width=30)
    found.add_column("awards", no_wrap=True, min_width=6)
    if wide:
        found.add_column("delivered, kWh", no_wrap=True)
    found.add_column("next", no_wrap=True, min_width=14)
    return found


def _cells(row: WatchRow, now: datetime, wide: bool, several: bool) -> list[Text]:
    """In the order of the columns."""
    short = [Text(kilowatts(row.shortfall_w) if any(row.shortfall_w or ()) else "", "red")]
    delivered = [Text(deal_energy(row) if row.due_wh else "")]
    return [
        _party(row, several),
        stage(row),
        _bar(row, 16 if wide else 6),
        _words(answers(row, short=not wide)),
        *(short if wide else ()),
        _words(awards(row)),
        *(delivered if wide else ()),
        Text(f"{row.next} {countdown(row.next_at, now)}" if row.next_at else row.next),
    ]


def _party(row: WatchRow, several: bool) -> Text:
    name = Text("  " * max(0, row.depth - 1) + row.party)
    if several:
        name.append(f" {row.event_id}", "dim")
    return name


def _bar(row: WatchRow, cells: int) -> Text:
    """The share that is available, and the slot that lacks most in figures; while it delivers, the energy."""
    if row.stage is WhyUnknown.JOINED_LATE:
        return Text("unknown", "dim")
    if row.due_wh:
        pct = min(100, max(0, round(row.delivered_wh * 100 / row.due_wh)))
        text = f" {deal_energy(row)} kWh"
    else:
        pct = row.share_pct or 0
        have, want = worst_slot(row)
        text = f" {kilo(have)}/{kilo(want)}" if row.share_pct is not None else ""
    style = "green" if pct >= 100 else "yellow" if pct >= 75 else "red"
    full = pct * cells // 100
    bar = Text("█" * full, style)
    bar.append("░" * (cells - full), "dim")
    bar.append(text)
    return bar


def _words(parts: Iterable[Answered]) -> Text:
    return Text(" ").join(Text(text, style) for text, style in parts)


def stage(row: WatchRow) -> Text:
    """Where a party stands, or how the event ended for it."""
    words = row.stage.replace("_", " ")
    if row.stage is PartyStage.CLOSED:
        words = row.outcome.replace("_", " ") or "closed"
    elif row.stage is WhyUnknown.JOINED_LATE:
        words = "joined later, unknown"
    elif row.stage is PartyStage.COLLECTING and row.round > 1:
        words = "collecting again"
    return Text(words, STYLES.get(row.stage, ""))
