"""What `gridpact init` and `gridpact scenario split` write: every file loads, and means what the scenario says."""

import shutil
import stat
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paths import EXAMPLES

from agents.cli.app import call
from agents.runtime.files.config import load_config
from agents.runtime.files.scenario import build_scenario, load_scenario
from agents.runtime.files.toml import read_toml
from agents.settings.daemon import DaemonConfig, Role
from agents.tools.access.books import read_books
from agents.tools.access.plan import load_plan
from agents.tools.setup.moved import by_whole_days, first_system, moved

NOW = datetime(2026, 11, 30, 20, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system that is read only."""
    made = tmp_path_factory.mktemp("systems") / "first"
    assert call(["init", str(made), "--zone", "Europe/Oslo"]) == 0
    return made


def configs(folder: Path) -> list[DaemonConfig]:
    """Of all daemons."""
    files = sorted(folder.glob("*.toml"))
    return [load_config(path, Role(path.name.partition("-")[0])) for path in files]


def test_every_daemon_has_a_file_that_loads(folder: Path) -> None:
    roles = [config.role() for config in configs(folder)]
    assert roles == [Role.AGGREGATOR, Role.AGGREGATOR, Role.COORDINATOR, Role.DER, Role.UTILITY]


def test_everybody_has_a_bundle_whose_files_are_there(folder: Path) -> None:
    access = load_plan(folder / "mosquitto")
    for name in (*read_books(access.books).parties, *access.others()):
        table = tomllib.loads((folder / "bundles" / name / "broker.toml").read_text())["broker"]
        assert all((folder / "bundles" / name / table[key]).exists() for key in ("ca", "certificate", "key"))


def test_keys_and_journals_are_their_owners_alone(folder: Path) -> None:
    closed = [folder / "journals", folder / "run"]
    keys = [*folder.rglob("*.key")]
    assert len(keys) > 10
    assert [path for path in (*closed, *keys) if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_vehicles_live_on_by_plans_in_the_zone_that_was_given(folder: Path) -> None:
    homes = load_config(folder / "der-homes.toml", Role.DER).ders
    plans = [spec.plan for home in homes for spec in home.devices if spec.kind == "vehicle"]
    assert [plan.zone for plan in plans if plan is not None] == ["Europe/Oslo"] * 4


def test_second_system_in_one_folder_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["init", str(folder)]) == 2
    assert "is there already: name a new folder" in capsys.readouterr().err


def test_zone_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["init", str(tmp_path / "new"), "--zone", "Europe/Olso"]) == 2
    assert "did you mean Europe/Oslo?" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_units_are_ones_that_systemd_takes(folder: Path) -> None:
    units = sorted((folder / "units").iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], check=False, capture_output=True, text=True, timeout=60
    )
    ours = [line for line in done.stderr.splitlines() if str(folder) in line or "gridpact" in line]
    assert ours == []


def test_split_scenario_has_the_parties_of_the_scenario(tmp_path: Path) -> None:
    assert call(["scenario", "split", "evening_peak", "--out", str(tmp_path / "evening")]) == 0
    scenario = load_scenario(EXAMPLES / "evening_peak.toml")
    found = {one.name: one for config in configs(tmp_path / "evening") for one in config.parties().each()}
    wanted = [scenario.utility, scenario.coordinator, *scenario.aggregators, *scenario.homes]
    assert set(found) == {one.name for one in wanted}
    for name, one in found.items():
        before = next(party for party in wanted if party.name == name)
        assert getattr(one, "members", ()) == getattr(before, "members", ())
        assert getattr(one, "ladder", ()) == getattr(before, "ladder", ())
    homes = load_config(tmp_path / "evening" / "der-homes.toml", Role.DER)
    assert homes.behaviours == scenario.behaviours


def test_split_scenario_begins_when_it_is_told_to(tmp_path: Path) -> None:
    out = tmp_path / "evening"
    assert call(["scenario", "split", "evening_peak", "--out", str(out), "--start", "2027-03-01T12:00:00Z"]) == 0
    events = read_toml(out / "utility-utility.toml")["utility"]["events"]
    assert [event["issue_at"] for event in events] == [datetime(2027, 3, 1, 12, 5, tzinfo=UTC)]


def test_forecast_of_a_split_scenario_moves_with_it(tmp_path: Path) -> None:
    out = tmp_path / "noon"
    assert call(["scenario", "split", "midday_surplus", "--out", str(out), "--start", "2027-03-01T00:20:00Z"]) == 0
    events = read_toml(out / "utility-utility.toml")["utility"]["events"]
    assert [(event["event_id"], event["start"]) for event in events] == [
        ("forecast-20270301-0230", datetime(2027, 3, 1, 2, 30, tzinfo=UTC)),
        ("forecast-20270301-0430", datetime(2027, 3, 1, 4, 30, tzinfo=UTC)),
    ]


def test_split_scenario_keeps_its_time_of_the_day() -> None:
    start_at = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)
    there = start_at + by_whole_days(start_at, NOW)
    assert there.time() == start_at.time()
    assert timedelta() <= there - NOW < timedelta(days=1)


def test_moved_tables_keep_days_and_times_on_the_wall() -> None:
    tables = first_system(NOW, "UTC")
    plan = tables["homes"][0]["devices"][0]["plan"]
    later = moved(tables, timedelta(days=3))
    assert later["scenario"]["start_at"] == NOW + timedelta(days=3)
    assert later["homes"][0]["devices"][0]["plan"] == plan
    assert build_scenario(later, "later").start_at == NOW + timedelta(days=3)


def test_folder_too_deep_for_control_sockets_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = tmp_path / ("d" * 100)
    assert call(["init", str(deep)]) == 2
    assert "is too long a path for the control sockets in it" in capsys.readouterr().err
    assert not deep.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("init", "{out}", "--port", "8893", "--password-port", "8893"),
            "8893 is that for certificates (--port) as well",
        ),
        (("scenario", "split", "evening_peak", "--out", "{out}", "--start", "2020-01-01T00:00:00Z"), "is past"),
        (("init", "{out}", "--host", "a b"), "--host: 'a b' is no name of a host"),
        (("scenario", "split", "evening_peak", "--out", "{out}", "--host", "a/b"), "--host: 'a/b' is no name"),
    ],
)
def test_what_could_not_run_is_not_written(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call([word.format(out=tmp_path / "new") for word in words]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_empty_folder_that_was_there_is_as_it_was_when_a_system_could_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    assert call(["init", str(tmp_path), "--host", "a b"]) == 2
    assert not any(tmp_path.iterdir())
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750
    assert call(["init", str(tmp_path)]) == 0
