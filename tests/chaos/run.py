"""All faults of the catalogue on real processes: `make chaos`, a table, or with --json one object. ONLY=text selects
(ONLY="a|b": rows with either)."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parents[1])]

from catalogue import rows
from rich.console import Console
from rich.table import Table
from rows import Missing, Row, Run

AT_ONCE = 6
SIGNS = {True: ".", False: "F", None: "-"}
WORDS = {True: "ok", False: "FAILED", None: "not run"}


async def run_row(row: Row, how: Run | None = None) -> dict[str, Any]:
    """One fault; what went wrong in bringing it about is a finding too. `ok` is None where it cannot be brought about
    on this machine."""
    ok: bool | None
    with tempfile.TemporaryDirectory(prefix="gridpact-chaos-", ignore_cleanup_errors=True) as folder:
        try:
            seen, ok = await (how or row.run)(Path(folder))
        except Missing as missing:
            seen, ok = f"not run: {missing}", None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            seen, ok = f"{type(error).__name__}: {error}", False
    return {"fault": row.fault, "expected": row.expected, "seen": seen, "ok": ok}


async def run_rows(chosen: list[Row], at_once: int = AT_ONCE, *, short: bool = False) -> list[dict[str, Any]]:
    """All of them; `short`: what of them runs in `make test`."""
    places = asyncio.Semaphore(at_once)

    async def one(row: Row) -> dict[str, Any]:
        async with places:
            result = await run_row(row, row.short if short else None)
            print(SIGNS[result["ok"]], end="", file=sys.stderr, flush=True)
            return result

    return list(await asyncio.gather(*(one(row) for row in chosen)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="rows whose fault has this text, or one of some: a|b")
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    wanted = given.only.split("|")
    results = asyncio.run(run_rows([row for row in rows() if any(text in row.fault for text in wanted)], given.at_once))
    print(file=sys.stderr)
    if given.json:
        print(json.dumps({"rows": results}))
    else:
        table = Table("fault", "what must happen", "seen", "")
        for result in results:
            table.add_row(*(str(result[key]) for key in ("fault", "expected", "seen")), WORDS[result["ok"]])
        Console(width=None if sys.stdout.isatty() else 160).print(table)
        failed, not_run = (sum(result["ok"] is verdict for result in results) for verdict in (False, None))
        print(f"{len(results)} faults, {failed} failed, {not_run} not run")
    return any(result["ok"] is False for result in results)


if __name__ == "__main__":
    sys.exit(main())
