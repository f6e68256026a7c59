"""A short selection of the catalogue on real processes; all of it runs with `make chaos`."""

from pathlib import Path

import paths
import pytest
from chaos_path import catalogue, run

pytestmark = pytest.mark.live


async def test_short_selection_of_faults_loses_nothing(tmp_path: Path) -> None:
    results = await run.run_rows([row for row in catalogue.rows() if row.short], at_once=2, short=True)
    assert len(results) >= 4
    assert [result for result in results if result["ok"] is False] == []


def test_catalogue_of_the_docs_is_the_catalogue_that_runs() -> None:
    page = (paths.DOCS / "chaos.md").read_text()
    rows = catalogue.rows()
    assert len(rows) >= 30
    assert [row.fault for row in rows if f"| {row.fault} | {row.expected} |" not in page] == []
