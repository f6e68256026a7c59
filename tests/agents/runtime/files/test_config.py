"""A daemon's configuration: every mistake is one sentence with file and key."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.runtime.files.config import check_clock, journal_folders, journal_path, journals_of_others, load_config
from agents.settings.checked import ConfigError
from agents.settings.daemon import ClockSettings, Role
from broker.clock import Clock

UTILITY = '[utility]\nchildren = ["ac"]\n'
HOME = """
[[ders]]
name = "hems-1"
parent = "ra-1"
[[ders.devices]]
kind = "storage"
resource_id = "bat-1"
capacity_wh = 5000
soc_wh = 4000
state_at = 2026-01-14T17:00:00Z
max_charge_w = 2000
max_discharge_w = 2000
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "daemon.toml"
    path.write_text(text)
    return path


def test_defaults_reach_a_local_broker_in_real_time(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, UTILITY), Role.UTILITY)
    assert (config.broker.host, config.broker.port, config.broker.protocol) == ("127.0.0.1", 1883, "5")
    assert (config.clock.speed, config.clock.origin_at, config.clock.wait) == (1.0, None, False)


def test_homes_of_one_daemon_are_read_in_order(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, HOME + HOME.replace("-1", "-2")), Role.DER)
    assert [home.name for home in config.ders] == ["hems-1", "hems-2"]


def test_systems_of_one_user_keep_their_journals_apart(tmp_path: Path) -> None:
    state = tmp_path / "state" / "gridpact"
    texts = (UTILITY, UTILITY + "[broker]\nport = 1884\n", 'system = "north"\n' + UTILITY)
    configs = [load_config(write(tmp_path, text), Role.UTILITY) for text in texts]
    paths = [journal_path(config, "utility") for config in configs]
    assert paths == [state / of / "utility.journal" for of in ("127.0.0.1-1883", "127.0.0.1-1884", "north")]
    assert journal_folders() == [state]
    paths[0].parent.mkdir(parents=True)
    paths[0].touch()
    assert [journals_of_others(config, "utility") for config in configs] == [[], [paths[0]], [paths[0]]]
    assert journal_folders() == [paths[0].parent]


def test_journal_where_an_earlier_gridpact_kept_it_is_used(tmp_path: Path) -> None:
    earlier = tmp_path / "state" / "gridpact" / "utility.journal"
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    config = load_config(write(tmp_path, UTILITY), Role.UTILITY)
    assert journal_path(config, "utility") == earlier
    assert journal_path(config, "ac") == earlier.with_name("127.0.0.1-1883") / "ac.journal"


def test_journal_lies_where_the_service_manager_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path / 'lib'}:{tmp_path / 'other'}")
    config = load_config(write(tmp_path, '[broker]\nhost = "fe80::1%eth0"\n' + UTILITY), Role.UTILITY)
    assert journal_path(config, "utility") == tmp_path / "lib" / "fe80__1_eth0-1883" / "utility.journal"


@pytest.mark.parametrize(
    ("text", "role", "sentence"),
    [
        ("[utility]\n", Role.UTILITY, "utility.children: is missing"),
        (
            UTILITY + "[broker]\nport = 99999\n",
            Role.UTILITY,
            "broker.port: input should be less than or equal to 65535 (it is 99999)",
        ),
        (UTILITY + "[broker]\nprotocl = 5\n", Role.UTILITY, "broker.protocl: there is no such key"),
        (
            '[aggregator]\nname = "ra-1"\nparent = "ac"\nmembers = [{name = "a", merrit = 5}]\n',
            Role.AGGREGATOR,
            "aggregator.members[0].merrit: there is no such key",
        ),
        (UTILITY + "[clock]\nspeed = 0\n", Role.UTILITY, "clock.speed: input should be greater than 0 (it is 0)"),
        (
            UTILITY + "[clock]\nanchor_at = 2026-01-14T17:00:00\n",
            Role.UTILITY,
            "clock.anchor_at: an instant needs its offset from UTC, as in 2026-01-14T17:00:00Z",
        ),
        (
            UTILITY + "[clock]\nanchor_at = 2001-01-14T17:00:00Z\nspeed = 100000\n",
            Role.UTILITY,
            "clock: 100000 times as fast since anchor_at, it is outside of the calendar now",
        ),
        (
            UTILITY + "[clock]\nanchor_at = 2025-01-14T17:00:00Z\norigin_at = 2199-01-14T17:00:00Z\nspeed = 20\n",
            Role.UTILITY,
            "clock: 20 times as fast since anchor_at, it is in the year 22",
        ),
        (UTILITY, Role.COORDINATOR, "[coordinator] and no other role's table is needed by 'gridpact run coordinator'"),
        (UTILITY + HOME, Role.DER, "[[ders]] and no other role's table is needed by 'gridpact run der'"),
        (
            HOME.replace("5000", '"much"'),
            Role.DER,
            (
                "ders[0].devices[0].capacity_wh: input should be a valid integer, unable to parse string as an integer "
                "(it is 'much')"
            ),
        ),
        (HOME.replace("hems-1", "hems 1"), Role.DER, "ders[0].name: 'hems 1' is no name: 1 to 64 letters"),
        (HOME + HOME, Role.DER, "ders: hems-1 stands twice"),
        ("[utility\n", Role.UTILITY, "is not TOML: "),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(tmp_path: Path, text: str, role: Role, sentence: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, role)
    assert str(caught.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(caught.value)


def test_a_scenario_is_no_daemons_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a scenario of many parties: use 'gridpact up'"):
        load_config(write(tmp_path, '[scenario]\nname = "x"\n'), Role.UTILITY)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load_config(tmp_path / "none.toml", Role.UTILITY)


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    path = tmp_path / "daemon.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match="byte 8 is not UTF-8"):
        load_config(path, Role.UTILITY)


def test_machine_whose_clock_is_far_off_is_told_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now", lambda _: datetime(2216, 1, 1, tzinfo=UTC))
    with pytest.raises(ConfigError, match=r"clock: this machine's clock shows the year 2216: set it"):
        check_clock(ClockSettings(), "home.toml: clock")
