"""What every bench stands on: a row is a ratio of two figures that were measured in the same run, round by round.

A digit of one machine says little; a ratio to what the same machine does in the same minutes says more. So each round
measures ours and theirs (a peer, or a floor: the same work without what we add), one after the other; the row tells
the medians, and how far the ratios of the rounds lie apart.
"""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from broker.mosquitto import program

LIBRARIES = ("aiomqtt", "gmqtt", "numpy", "orjson", "paho-mqtt", "pydantic", "uvloop")
OUT = Path(__file__).parent / "out" / "latest.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio` is ours over theirs; `spread` is (largest - least) / median of the ratios of the
    rounds, in percent."""

    name: str
    n: int
    ours: float
    theirs: float | None
    ratio: float | None
    unit: str
    spread: float
    rounds: int = 1
    theirs_is: str = ""
    """What it is measured against."""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def row(name: str, n: int, pairs: Sequence[tuple[float, float]], unit: str, theirs_is: str, note: str = "") -> Row:
    """The row of some rounds' pairs (ours, theirs)."""
    ratios = [ours / theirs for ours, theirs in pairs]
    ours, theirs = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    return Row(name, n, ours, theirs, median(ratios), unit, spread_pct(ratios), len(pairs), theirs_is, note)


def alone(name: str, n: int, figures: Sequence[float], unit: str, limit: float | None = None, note: str = "") -> Row:
    """The row of a figure that has a target (`limit`) and no counterpart."""
    ours = median(figures)
    ratio = None if limit is None else ours / limit
    is_ = "" if limit is None else "target"
    return Row(name, n, ours, limit, ratio, unit, spread_pct(figures), len(figures), is_, note)


def spread_pct(figures: Sequence[float]) -> float:
    """(largest - least) / median, in percent."""
    middle = median(figures)
    return 100 * (max(figures) - min(figures)) / middle if middle else 0.0


def machine() -> dict[str, Any]:
    """Where it was measured."""
    banner = subprocess.run([program(), "-h"], capture_output=True, text=True, check=False).stdout
    words = banner.splitlines()[0].split() if banner else ["unknown"]
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "mosquitto": words[-1],
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def figure(value: float | None) -> str:
    """A figure as a person reads it: three digits that count."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


HEADS = ("row", "n", "ours", "theirs", "unit", "ratio", "spread", "against")


def cells(one: Row) -> tuple[str, ...]:
    """The row as the table shows it."""
    ratio, spread = "" if one.ratio is None else f"{one.ratio:.3g}", f"{one.spread:.0f} %" if one.rounds > 1 else ""
    return (
        one.name, f"{one.n:,}", figure(one.ours), figure(one.theirs), one.unit, ratio, spread, one.theirs_is,
    )  # fmt: skip


def show(rows: Sequence[Row], about: dict[str, Any]) -> None:
    """The table on the terminal."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for head in HEADS:
        table.add_column(head, justify="right" if head in ("n", "ours", "theirs", "ratio", "spread") else "left")
    for one in rows:
        table.add_row(*cells(one))
    console = Console(width=None if Console().is_terminal else 140)
    console.print(table)
    console.print(said(about), highlight=False)


def said(about: dict[str, Any]) -> str:
    """The machine in one sentence."""
    libraries = ", ".join(f"{name} {number}" for name, number in about["libraries"].items())
    return (
        f"{about['cores']} cores, {about['cpu']}, Linux {about['kernel']}, Python {about['python']}, "
        f"Mosquitto {about['mosquitto']}, {libraries}."
    )


def markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""
    lines = ["| " + " | ".join(HEADS) + " |", "|---|--:|--:|--:|---|--:|--:|---|"]
    lines += ["| " + " | ".join(cells(one)) + " |" for one in rows]
    return "\n".join(lines) + "\n"
