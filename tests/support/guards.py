"""Take one guard away at a time and see which test notices: `make guards` (JSON=1: as JSON; SEARCH=1: find a test anew).

The tree is copied, the guard's text is replaced in the copy, and the test that is noted beside it in `data/guards.json` is run
there. Where none is noted, or with `--search`, the tests of `WHERE` are run until one fails.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import NamedTuple

from guard_table import GUARDS, Guard

ROOT = Path(__file__).parents[2]
NOTICED = Path(__file__).parent / "data" / "guards.json"
"""By the guard's name the test that fails without it."""
COPIED = ("agents", "broker", "protocol", "tests", "examples", "pyproject.toml")
WHERE = (
    "tests/scenarios/test_guards.py",
    "tests/agents/parties",
    "tests/agents/negotiation",
    "tests/scenarios/test_decisions_kept.py",
    "tests/scenarios/test_kept_deal.py",
    "tests/scenarios/test_firm_offers.py",
    "tests/scenarios/test_surplus_rung.py",
    "tests/scenarios/test_patent_steps.py",
    "tests/scenarios/test_hostile_parents.py",
    "tests/scenarios/test_promises.py",
    "tests/scenarios/test_restarts.py",
    "tests/agents/runtime/journal",
)
FAILED = 1
"""What pytest ends with when a test has failed; whatever else it says, nothing was noticed."""


class Removed(NamedTuple):
    """A guard that was taken away, and the test that noticed; none: nobody did."""

    guard: str
    file: str
    noticed_by: str | None


def all_guards() -> Iterator[tuple[str, Guard]]:
    """Each guard, with its file."""
    for file, guards in GUARDS.items():
        for guard in guards:
            yield file, guard


def without(source: str, guard: Guard) -> str:
    """The source without a guard. Raises ValueError where its text does not stand there once."""
    if source.count(guard.text) != 1:
        raise ValueError(
            f"{guard.name}: its text stands {source.count(guard.text)} times: mend tests/support/guard_table.py"
        )
    return source.replace(guard.text, guard.without)


def copy_tree(folder: Path) -> Path:
    """A copy of the tree to be changed."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "fixtures"))
        else:
            shutil.copy(source, folder / name)
    return folder


def tested(tree: Path, tests: Sequence[str]) -> tuple[int, str | None]:
    """What pytest ends with in a tree, and the first test that failed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.search(r"^FAILED (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return done.returncode, failed[1] if failed else None


def removed(tree: Path, file: str, guard: Guard, noted: str | None, search: bool) -> Removed:
    """Take a guard away in a copy of the tree, and put it back."""
    path = tree / file
    source = path.read_text()
    path.write_text(without(source, guard))
    try:
        if noted is not None and not search and tested(tree, [noted])[0] == FAILED:
            return Removed(guard.name, file, noted)
        if not search:
            return Removed(guard.name, file, None)
        there = [place for place in WHERE if (tree / place).exists()]
        code, failed = tested(tree, there)
        return Removed(guard.name, file, failed if code == FAILED else None)
    finally:
        path.write_text(source)


def remove_all(names: Sequence[str], search: bool, jobs: int) -> list[Removed]:
    """Every guard of these names, or every one, in so many copies of the tree."""
    noted: dict[str, str] = json.loads(NOTICED.read_text()) if NOTICED.exists() else {}
    chosen = [(file, guard) for file, guard in all_guards() if not names or guard.name in names]
    with TemporaryDirectory(prefix="guards-") as folder, ThreadPoolExecutor(jobs) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            trees.put(copy_tree(Path(folder) / str(number)))

        def one(file: str, guard: Guard) -> Removed:
            tree = trees.get()
            try:
                return removed(tree, file, guard, noted.get(guard.name), search)
            finally:
                trees.put(tree)

        return list(pool.map(lambda given: one(*given), chosen))


def main(arguments: Sequence[str] | None = None) -> int:
    """Take guards away; 1 when nobody notices one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="of guards; all by default")
    parser.add_argument("--search", action="store_true", help="find a test for each, and note it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    rows = remove_all(given.names, given.search, given.jobs)
    if given.search:
        noted = json.loads(NOTICED.read_text()) if NOTICED.exists() else {}
        noted |= {row.guard: row.noticed_by for row in rows if row.noticed_by is not None}
        NOTICED.write_text(json.dumps(dict(sorted(noted.items())), indent=1) + "\n")
    if given.json:
        print(json.dumps({"rows": [row._asdict() for row in rows]}))
    else:
        for row in rows:
            print(f"{row.guard:<62} {row.noticed_by or 'NOBODY NOTICES'}")
        print(f"{len(rows)} guards, {sum(row.noticed_by is None for row in rows)} of them without notice")
    return int(any(row.noticed_by is None for row in rows))


if __name__ == "__main__":
    sys.exit(main())
