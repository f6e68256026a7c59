"""How a run is shown: lines as things happen, on a terminal with a live table below them, and a table at the end.

With `json` a line is the note itself and the last line is the summary.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agents.history.line import NoteLine
from agents.history.narrate import line, worth_a_line
from agents.history.party import AGGREGATOR, PartyHistory
from agents.history.standing import LOST, WhyUnknown
from agents.tools.run.board import Board
from agents.tools.tables import print_table, table_console, whole
from protocol.codec import to_json
from protocol.kilowatts import kilowatt_hours, kilowatts

STYLES = {
    "S1": "cyan",
    "S4": "magenta",
    "S5": "magenta",
    "S6": "magenta",
    "S7": "bold green",
    "S26": "yellow",
    "S28": "yellow",
    "S33": "red",
    "S35": "bold green",
    "S36": "green",
}


class View:
    """Shows notes; use as a context."""

    def __init__(self, board: Board, *, json: bool = False, verbose: bool = False, live: bool = False) -> None:
        self.board, self.json, self.verbose = board, json, verbose
        self.console = table_console()
        self._live: Live | None = None
        if live and self.console.is_terminal and not json:
            self._live = Live(console=self.console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """A line that is no note."""
        if not self.json:
            self.console.print(Text(text, style="dim"))

    def say_all(self, summary: dict[str, Any], show: Callable[[dict[str, Any], Console], None]) -> None:
        """A summary alone."""
        if self.json:
            self.console.file.write(to_json({"summary": summary}).decode() + "\n")
        else:
            show(summary, self.console)

    def tell(self, noted: NoteLine) -> None:
        """A note: taken into the board, and shown when it is worth a line."""
        self.board.take(noted)
        if self.json:
            self.console.file.write(to_json(noted.as_json()).decode() + "\n")
        elif self.verbose or worth_a_line(noted, self.board.roles.get(noted.party)):
            event = self.board.history.events.get(noted.event_id)
            text = line(noted, event.slots if event is not None else 0)
            self.console.print(Text(text, style=STYLES.get(noted.step, "")))

    def tick(self, now: datetime) -> None:
        """Draw the live table for an instant."""
        if self._live is not None:
            rows = [row for row in self.board.rows() if not row.outcome or row.role == AGGREGATOR]
            self._live.update(Group(Text(f"{now:%H:%M:%S}"), whole(ladder_table(rows, now))))

    def finish(self, stopped: bool = False) -> dict[str, Any]:
        """The summary, shown and returned. `stopped`: by the user, before the end."""
        summary = self.board.summary(stopped)
        if self.json:
            self.console.file.write(to_json({"summary": summary}).decode() + "\n")
            self.console.file.flush()
            return summary
        for event in summary["events"]:
            print_table(self.console, outcome_table(event))
        noted = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in summary["counts"].items() if count)
        if noted:
            self.console.print(noted)
        self.console.print(verdict(summary))
        return summary


def verdict(summary: Mapping[str, Any]) -> str:
    """What came of a run, in a line."""
    if summary["deal"]:
        return "a deal was concluded"
    if summary["stopped"]:
        return "stopped; a deal stands" if summary["stands"] else "stopped; no deal stands"
    if summary["stands"]:
        return "a deal stands"
    return "a deal was concluded and lost again: nothing of it stood" if summary["lost"] else "no deal was concluded"


def ladder_table(rows: list[PartyHistory], now: datetime) -> Table:
    """Per party: stage and rung, the answers, available against requested, the deal, the countdown."""
    table = Table("party", "rung", "asked", "yes", "no", "silent", "requested", "available", "deal", "time left")
    for row in rows:
        left = ""
        if row.reply_by is not None and row.reply_by > now:
            left = f"{int((row.reply_by - now).total_seconds()) // 60} min"
        asked = row.answers
        counts = [asked.asked, asked.yes, asked.no, asked.silent] if row.role == AGGREGATOR else [""] * 4
        stage = row.stage_at(now)
        rung = (
            row.ending
            or (LOST if row.is_lost else row.doing)
            or (row.stage if isinstance(stage, WhyUnknown) else stage)
        )
        available = row.available_w
        table.add_row(
            row.name,
            rung.replace("_", " "),
            *map(str, counts),
            kilowatts(row.requested_w or None),
            "..." if isinstance(available, WhyUnknown) else kilowatts(available),
            kilowatts(row.secured_w),
            left,
        )
    return table


def outcome_table(event: dict[str, Any]) -> Table:
    """What came of an event, per party."""
    table = Table(title=f"{event['event_id']}: {str(event['outcome']).replace('_', ' ')}", title_justify="left")
    for name in ("party", "steps", "yes/asked", "requested", "deal", "awarded", "delivered"):
        table.add_column(name, overflow="fold")
    for party in event["parties"]:
        answers = f"{party['yes']}/{party['asked']}" if "asked" in party else ""
        steps = [step for step in party["steps"] if party["role"] != "utility"]
        table.add_row(
            party["party"],
            " ".join(steps),
            answers,
            kilowatts(party["requested_w"]),
            kilowatts(party["deal_w"]),
            kilowatt_hours(party["awarded_wh"]),
            kilowatt_hours(party["delivered_wh"]),
        )
    return table
