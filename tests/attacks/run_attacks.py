"""All attacks of the table on a real Mosquitto with real certificates: `make attacks`, or with --json one object."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parents[1])]

import structlog
from attack_rows import Attack, rows
from attack_world import World, world
from credential_rows import credential_rows
from lie_rows import floods, lie_rows
from parent_rows import parent_rows
from rich.console import Console
from rich.table import Table


def all_rows() -> list[Attack]:
    """At the door, and behind it."""
    return [*rows(), *credential_rows(), *parent_rows(), *lie_rows()]


def quick_rows() -> list[Attack]:
    """Without most of the evenings, which take two seconds each."""
    return [*rows(), *credential_rows(), *parent_rows(), *floods()]


def run_row(row: Attack, place: World) -> dict[str, Any]:
    """One attack; what goes wrong in trying it is a finding too."""
    place.figures = {}
    try:
        seen = row.run(place)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        seen = f"{type(error).__name__}: {error}"
    return {
        "attack": row.attack, "topics": row.topics, "expected": row.expected, "seen": seen, "ok": seen == row.expected,
    } | ({"figures": place.figures} if place.figures else {})  # fmt: skip


async def run_rows(only: str = "", table: Callable[[], list[Attack]] = all_rows) -> list[dict[str, Any]]:
    """One after the other, on one broker."""
    async with world() as place:
        return [await asyncio.to_thread(run_row, row, place) for row in table() if only in row.attack]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rows whose attack has this text")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # what is printed is the result
    results = asyncio.run(run_rows(given.only))
    if given.json:
        print(json.dumps({"rows": results}))
    else:
        table = Table("attack", "topics", "what must come of it", "seen", "")
        for result in results:
            values = (str(result[key]) for key in ("attack", "topics", "expected", "seen"))
            table.add_row(*values, "ok" if result["ok"] else "FAILED")
        Console(width=None if sys.stdout.isatty() else 180).print(table)
        print(f"{len(results)} attacks, {sum(not result['ok'] for result in results)} of them came through")
    return any(not result["ok"] for result in results)


if __name__ == "__main__":
    sys.exit(main())
