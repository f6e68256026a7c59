"""Version and changelog agree, and what would not is told."""

from datetime import UTC, date, datetime

import pytest
from paths import ROOT
from release import problems, version

TODAY = date(2026, 3, 1)


def test_changelog_and_version_agree() -> None:
    assert problems((ROOT / "CHANGELOG.md").read_text(), version(), datetime.now(UTC).date()) == []


@pytest.mark.parametrize(
    "changelog",
    [
        "## 0.2.0 (unreleased)\n\n## 0.1.0 (2026-02-01)\n",
        "## 0.2.0 (2026-03-01)\n\n## 0.1.0 (2026-02-01)\n",
        "## 0.2.0 (2026-03-01)\n\n## 0.1.10 (2026-03-01)\n\n## 0.1.9 (2026-02-01)\n",
    ],
)
def test_changelog_in_order_has_no_problem(changelog: str) -> None:
    assert problems(changelog, "0.2.0", TODAY) == []


@pytest.mark.parametrize(
    ("changelog", "sentence"),
    [
        ("nothing", "no version stands in it"),
        ("## 0.2.0\n", "is neither"),
        ("## 0.2.0 (soon)\n", "is neither"),
        ("## 0.2.0 (2026-02-30)\n", "day"),
        ("## 0.1.0 (unreleased)\n", "begins with 0.1.0, pyproject.toml has 0.2.0"),
        ("## 0.2.0 (2026-03-02)\n", "0.2.0 lies in the future"),
        ("## 0.2.0 (2026-03-01)\n## 0.1.0 (unreleased)\n", "0.1.0 is not released, but a later one is"),
        ("## 0.2.0 (2026-03-01)\n## 0.3.0 (2026-02-01)\n", "0.2.0 stands above 0.3.0"),
        ("## 0.2.0 (2026-02-01)\n## 0.1.0 (2026-03-01)\n", "the dates do not run"),
    ],
)
def test_changelog_that_does_not_agree_is_told_in_one_sentence(changelog: str, sentence: str) -> None:
    (told,) = problems(changelog, "0.2.0", TODAY)
    assert sentence in told
