"""Attacks on the door, and on who stands behind it, that take no time; all of them run with `make attacks`."""

import paths
import pytest
from attacks_path import run_attacks

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]


async def test_no_attack_comes_through() -> None:
    results = await run_attacks.run_rows(table=run_attacks.quick_rows)
    assert len(results) >= 150
    assert [result for result in results if not result["ok"]] == []


def test_table_of_the_docs_is_the_table_that_runs() -> None:
    page = (paths.DOCS / "security.md").read_text()
    assert [row.attack for row in run_attacks.all_rows() if f"| {row.attack} |" not in page] == []


def test_no_two_attacks_have_one_name() -> None:
    names = [row.attack for row in run_attacks.all_rows()]
    assert len(names) == len(set(names))
