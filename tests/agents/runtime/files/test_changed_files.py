"""Files in which something was changed at random: taken, or refused in one sentence; never a traceback."""

import copy
import random
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import paths
import pytest

from agents.runtime.build import build_actor
from agents.runtime.files.config import build_config
from agents.runtime.files.from_csv import Plugged, scenario_data
from agents.runtime.files.members import MembersError, load_members
from agents.runtime.files.recorded import read_sessions, read_wanted
from agents.runtime.files.scenario import build_scenario, load_scenario
from agents.runtime.files.toml_out import to_toml
from agents.runtime.files.wall_clock import WallClock, zone_named
from agents.settings.checked import ConfigError
from agents.settings.daemon import BrokerSettings, ClockSettings
from agents.tools.run.simulate import build_simulation
from agents.tools.run.up import plan_agents

T = TypeVar("T")
EAST, WEST = timezone(timedelta(hours=9)), timezone(timedelta(hours=-9))
VALUES: list[Any] = [
    *(True, False, 0, 1, -1, 10**12, 10**15, 2**63, 10**30, -(10**30), 0.5, float("nan"), float("inf")),
    *("", "x", "ra-1", "{n}", "é", "a b", "\0", "a" * 65),
    *([], [1], [True], [[]], ["relax", "relax"], [{}], {}, {"a": 1}),
    datetime(1, 1, 1, tzinfo=EAST),
    datetime(9999, 12, 31, 23, 59, tzinfo=WEST),
    datetime(2026, 1, 14, 18),
    datetime(2027, 1, 14, 17, tzinfo=UTC),
    datetime(2026, 1, 14, 18, 0, 0, 5, tzinfo=UTC),
    date(2026, 1, 1),
    time(1),
]
KEYS = "members members_file forecast storage parent name ladder meter_to merit relaxations relay_ops_left battery children"
FACTORS = (1_000, 10, -1, 0)
SEEDS = range(200)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in some tables."""
    found = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in found:
        yield (*path, key)
        yield from places(item, (*path, key))


def changed(data: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same with one thing changed, added, left out or said twice."""
    data = copy.deepcopy(data)
    *way, last = chance.choice(list(places(data)))
    table: Any = data
    for key in way:
        table = table[key]
    what = chance.randrange(10)
    if what == 0 and isinstance(table, dict):
        del table[last]
    elif what == 1 and isinstance(table, dict):
        table[chance.choice(KEYS.split())] = copy.deepcopy(chance.choice(VALUES))
    elif what == 2 and isinstance(table, list):
        table.append(copy.deepcopy(table[last]))
    elif what < 6 and type(table[last]) is int:
        table[last] *= chance.choice(FACTORS)
    else:
        table[last] = copy.deepcopy(chance.choice(VALUES))
    return data


def taken(work: Callable[[], T], seed: int) -> T | None:
    """What comes of it; None when it was refused, in one sentence."""
    try:
        return work()
    except (ConfigError, MembersError) as error:
        text = str(error)
    assert "\n" not in text, seed
    assert len(text) < 500, seed
    return None


@pytest.mark.parametrize("path", [paths.TINY, paths.EXAMPLES / "midday_surplus.toml"], ids=lambda path: path.stem)
def test_changed_scenario_is_taken_or_refused_in_one_sentence(path: Path) -> None:
    data, count = tomllib.loads(path.read_text()), 0
    for seed in SEEDS:
        tables = changed(data, random.Random(seed))
        scenario = taken(partial(build_scenario, tables, "x", path.parent), seed)
        count += scenario is not None
        if scenario is not None and len(scenario.homes) < 20:  # what is taken can be run
            build_simulation(scenario, 1).run(until=scenario.start_at + timedelta(minutes=30))
    assert 10 < count < len(SEEDS) - 100


def test_changed_configuration_is_taken_or_refused_in_one_sentence() -> None:
    planned = plan_agents(load_scenario(paths.TINY), BrokerSettings(), ClockSettings(), Path("/c"), Path("/j"))
    configs = [tomllib.loads(to_toml(agent.config.model_dump(exclude_none=True))) for agent in planned]
    count = 0
    for seed in SEEDS:
        chance = random.Random(seed)
        config = taken(partial(build_config, changed(chance.choice(configs), chance), Path("x.toml")), seed)
        count += config is not None
        for one in config.parties().each() if config is not None else ():
            build_actor(one)
    assert 5 < count < len(SEEDS) - 100


SESSIONS = "user_id,plug_in,plug_out,max_kw,capacity_kwh,soc_arr\n" + "".join(
    f"u{number},2026-10-23T17:00:00,2026-10-26T09:00:00,6,60,0.9\n" for number in range(2)
)
REQUESTS = "event_id,start,required_mw\n1,2026-10-24T18:00:00,3\n1,2026-10-24T18:30:00,4\n"
BOOK = "name,resources,increase_load_w,merit,relaxations\nh1,r1;s1,500,3,reserve_soc\nh2,r2,500,3,\n"
CELLS = (
    *("", "nan", "inf", "-1", "0", "1e308", "9" * 5_000, "1,5", "é", "\0", '"', "x" * 200, "18:00", "24/10/2026"),
    *("2026-10-25T02:30:00", "2026-03-29T02:30:00", "2026-10-24T18:07:30", "2027-10-24T18:00:00Z"),
    *("0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-09:00", "2026-10-25T02:30:00+01:00"),
)


def changed_table(text: str, chance: random.Random) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    row = chance.choice(rows)
    match chance.randrange(8):
        case 0:
            rows.append(list(row))
        case 1:
            row.append("1")
        case 2:
            row.pop()
        case _:
            row[chance.randrange(len(row))] = chance.choice(CELLS)
    return "\n".join(",".join(row) for row in rows)


@pytest.mark.parametrize("zone", [None, "Europe/Oslo"])
def test_changed_table_becomes_a_scenario_that_loads_or_one_sentence(tmp_path: Path, zone: str | None) -> None:
    sessions, requests = tmp_path / "s.csv", tmp_path / "r.csv"

    def made() -> int:
        clock = WallClock(zone and zone_named(zone))
        wanted, users = read_wanted(requests, clock), read_sessions(sessions, clock)
        data = [scenario_data(users, event, plugged=Plugged.EVERY_EVENING) for event in wanted.values()]
        return sum(len(build_scenario(tomllib.loads(to_toml(one)), "x").homes) > 0 for one in data)

    count = 0
    for seed in SEEDS:
        chance = random.Random(seed)
        sessions.write_text(changed_table(SESSIONS, chance) if seed % 2 else SESSIONS)
        requests.write_text(REQUESTS if seed % 2 else changed_table(REQUESTS, chance))
        count += bool(taken(made, seed))
    assert 10 < count < len(SEEDS) - 100


def test_changed_book_is_taken_or_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    count = 0
    for seed in SEEDS:
        path.write_text(changed_table(BOOK, random.Random(seed)))
        count += bool(taken(partial(load_members, path), seed))
    assert 3 < count < len(SEEDS) - 50
