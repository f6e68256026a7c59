"""The bench's rows, its table, and its page."""

from pathlib import Path

import pytest

from bench.measure import alone, cells, machine, markdown, row, said
from bench.run import BEGIN, END, read, write_page


def test_a_row_has_medians_and_the_spread_of_the_ratios() -> None:
    one = row("ingest", 1_000, [(10.0, 100.0), (20.0, 100.0), (30.0, 200.0)], "offers/s", "floor")
    assert (one.ours, one.theirs, one.ratio, one.rounds) == (20.0, 100.0, 0.15, 3)
    assert one.spread == pytest.approx(100 * (0.2 - 0.1) / 0.15)


def test_a_figure_without_a_counterpart_is_judged_by_its_target() -> None:
    one = alone("memory", 10_000, [1_000.0, 3_000.0, 2_000.0], "B/home", 2_000)
    assert (one.ours, one.theirs, one.ratio, one.theirs_is) == (2_000.0, 2_000, 1.0, "target")


def test_every_row_has_the_keys_that_a_machine_reads() -> None:
    told = row("x", 1, [(1.0, 2.0)], "s", "floor").as_json()
    assert {"name", "n", "ours", "theirs", "ratio", "unit", "spread"} <= set(told)


def test_a_group_may_give_dictionaries() -> None:
    one = read({"name": "flexibility", "n": 10, "ours": 1.0, "unit": "s", "spread": 0.0})
    assert (one.name, one.theirs, one.ratio) == ("flexibility", None, None)


def test_one_round_shows_no_spread() -> None:
    assert cells(row("x", 1, [(1.0, 2.0)], "s", "floor"))[6] == ""


def test_the_machine_is_named() -> None:
    sentence = said(machine())
    assert "cores" in sentence
    assert "Python 3" in sentence


def test_the_table_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    page, rows = tmp_path / "page.md", [row("x", 1, [(1.0, 2.0)], "s", "floor")]
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(page, rows, machine())
    text = page.read_text()
    assert "old" not in text
    assert markdown(rows) in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="marks"):
        write_page(page, [], machine())
