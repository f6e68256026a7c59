"""Operations of a main relay that are counted from the modes in which a vehicle charger was seen."""

from datetime import date
from pathlib import Path

from agents.drivers.echonet.relays import SeenRelay

TODAY, TOMORROW = date(2026, 1, 14), date(2026, 1, 15)
CHARGING, DISCHARGING, STANDBY, IDLE, UNKNOWN = 0x42, 0x43, 0x44, 0x47, 0x49


def test_openings_and_closings_are_counted_by_the_day() -> None:
    count = SeenRelay()
    seen = [count.note(mode, TODAY) for mode in (IDLE, CHARGING, CHARGING, DISCHARGING, STANDBY, CHARGING)]
    assert seen == [0, 1, 1, 1, 2, 3]
    assert [count.note(mode, TODAY) for mode in (IDLE, STANDBY)] == [4, 4]
    assert count.note(CHARGING, TODAY) == 5
    assert count.note(CHARGING, TOMORROW) == 0
    assert count.note(STANDBY, TOMORROW) == 1


def test_mode_that_does_not_tell_is_no_operation() -> None:
    count = SeenRelay()
    assert [count.note(mode, TODAY) for mode in (CHARGING, UNKNOWN, None, CHARGING)] == [0, 0, 0, 0]


def test_next_life_counts_on(tmp_path: Path) -> None:
    first = SeenRelay(tmp_path / "relay")
    for mode in (STANDBY, CHARGING):
        first.note(mode, TODAY)
    second = SeenRelay(tmp_path / "relay")
    assert second.note(STANDBY, TODAY) == 2
    assert SeenRelay(tmp_path / "relay").note(STANDBY, TOMORROW) == 0


def test_file_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "relay").write_text("{")
    assert SeenRelay(tmp_path / "relay").note(CHARGING, TODAY) == 0
