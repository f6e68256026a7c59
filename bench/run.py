"""All benches, one table: `python bench/run.py [--quick] [--only GROUP] [--write docs/performance.md]`.

Each row is a ratio that was measured in this run. The rows are written to bench/out/latest.json, too. A group that
fails is told, and the exit code is 1.
"""

import argparse
import asyncio
import importlib
import inspect
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.measure import OUT, Row, machine, markdown, said, show

GROUPS = (
    "ingest", "negotiation", "peers", "connections", "processes", "simulator", "recorded", "fold", "flexibility", "fleet",
    "door", "coalition", "deals", "starts", "pages", "chargers", "year",
)  # fmt: skip
"""A module each, with `rows(quick)`."""
BEGIN, END = "<!-- table: make bench -->", "<!-- end of table -->"


def read(given: object) -> Row:
    """A group's row; groups that know nothing of ours give dictionaries with the same keys."""
    return given if isinstance(given, Row) else Row(**{"theirs": None, "ratio": None, **given})  # type: ignore[dict-item]


async def rows_of(group: str, quick: bool) -> list[Row]:
    """The rows of a group, whose function may be a coroutine."""
    module = importlib.import_module(f"bench.{group}")
    found = module.rows(quick)
    return [read(one) for one in (await found if inspect.isawaitable(found) else found)]


def gathered(groups: list[str], quick: bool) -> tuple[list[Row], list[str]]:
    """All rows, and what failed."""
    rows: list[Row] = []
    failed: list[str] = []
    for group in groups:
        began = time.perf_counter()
        try:
            rows += asyncio.run(rows_of(group, quick))
        except Exception as error:  # noqa: BLE001 - one group that fails does not cost the others their run
            traceback.print_exc()
            failed.append(f"{group}: {type(error).__name__}: {error}")
        print(f"{group}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows, failed


def write_page(page: Path, rows: list[Row], about: dict[str, Any]) -> None:
    """Put the table between the page's two marks. Raises ValueError when it has none."""
    text = page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{page}: the marks {BEGIN} and {END} are missing")
    page.write_text(f"{before}{BEGIN}\n{markdown(rows)}\n{said(about)}\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller, under five minutes")
    parser.add_argument("--only", action="append", choices=GROUPS, help="this group (may be given again)")
    parser.add_argument("--write", type=Path, help="the page whose table is to be replaced")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON instead of the table")
    given = parser.parse_args()
    rows, failed = gathered(given.only or list(GROUPS), given.quick)
    about = machine()
    report = {
        "at": datetime.now(UTC), "quick": given.quick, "machine": about,
        "rows": [one.as_json() for one in rows], "failed": failed,
    }  # fmt: skip
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    if given.json:
        sys.stdout.buffer.write(orjson.dumps(report) + b"\n")
    else:
        show(rows, about)
    if given.write is not None:
        write_page(given.write, rows, about)
    for text in failed:
        print(f"failed: {text}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
