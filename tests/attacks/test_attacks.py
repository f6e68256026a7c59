"""The attacks on the door that take no time; all of them run with `make attacks`."""

import paths
import pytest
from attacks_path import attack_rows, run_attacks

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]


async def test_no_attack_comes_through() -> None:
    results = await run_attacks.run_rows()
    assert len(results) >= 90
    assert [result for result in results if not result["ok"]] == []


def test_table_of_the_docs_is_the_table_that_runs() -> None:
    page = (paths.DOCS / "security.md").read_text()
    assert [row.attack for row in attack_rows.rows() if f"| {row.attack} |" not in page] == []
