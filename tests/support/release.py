"""Whether version and changelog agree: `make release-check` before a release is cut."""

import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
UNRELEASED = "unreleased"


@dataclass(frozen=True, slots=True)
class Release:
    """A heading of the changelog."""

    version: str
    told: str
    """What stands in its brackets: a date, or `unreleased`."""

    @property
    def released_on(self) -> date | None:
        return None if self.told == UNRELEASED else date.fromisoformat(self.told)

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))


def releases(changelog: str) -> list[Release]:
    """The headings, newest first. Raises ValueError with one sentence."""
    found = []
    for heading in HEADING.findall(changelog):
        parts = re.fullmatch(r"(\d+\.\d+\.\d+) \((unreleased|\d{4}-\d\d-\d\d)\)", heading)
        if parts is None:
            raise ValueError(
                f"CHANGELOG.md: '## {heading}' is neither '## 1.2.3 (2026-01-31)' nor '## 1.2.3 (unreleased)'"
            )
        found.append(Release(*parts.groups()))
    return found


def problems(changelog: str, version: str, today: date) -> list[str]:
    """What does not agree; one sentence each. That the newest version is not released yet is none."""
    try:
        found = releases(changelog)
        dates = [release.released_on for release in found]
    except ValueError as error:
        return [str(error)]
    if not found:
        return ["CHANGELOG.md: no version stands in it"]
    told = []
    if found[0].version != version:
        told.append(f"CHANGELOG.md begins with {found[0].version}, pyproject.toml has {version}")
    told += [
        f"CHANGELOG.md: {r.version} is not released, but a later one is" for r in found[1:] if r.told == UNRELEASED
    ]
    told += [f"CHANGELOG.md: {r.version} lies in the future" for r in found if r.released_on and r.released_on > today]
    for later, earlier in pairwise(found):
        if later.order <= earlier.order:
            told.append(f"CHANGELOG.md: {later.version} stands above {earlier.version}")
    known = [at for at in dates if at is not None]
    if known != sorted(known, reverse=True):
        told.append("CHANGELOG.md: the dates do not run from the newest to the oldest")
    return told


def version() -> str:
    """The one in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def main() -> int:
    """0 when the newest version can be released as it stands."""
    changelog, now = (ROOT / "CHANGELOG.md").read_text(), version()
    told = problems(changelog, now, datetime.now(UTC).date())
    if not told and releases(changelog)[0].told == UNRELEASED:
        told = [f"CHANGELOG.md: {now} has no date: write '## {now} ({datetime.now(UTC).date()})'"]
    if not (ROOT / "tests" / "fixtures" / now).is_dir():
        told.append(f"tests/fixtures/{now} is missing: run python tests/support/make_fixtures.py")
    for line in told:
        print(line, file=sys.stderr)
    if not told:
        print(f"{now}, released on {releases(changelog)[0].told}")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
