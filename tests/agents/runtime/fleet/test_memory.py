"""A fleet's memory as bytes: small, of equal things one, and each home can be had alone."""

import gzip

import orjson
from asked import request
from worlds import START, T0, vehicle

from agents.runtime.fleet.homes import Given, Homes
from agents.runtime.fleet.memory import fleet_memory, is_whole, remember_fleet
from agents.settings.parties import DerSettings
from protocol import messages as m
from protocol.actor import Received
from protocol.edges import Edge
from protocol.units import SLOT

SETTINGS = [DerSettings(name=f"h-{n}", parent="ra-1", devices=(vehicle(f"ev-{n}"),)) for n in range(100)]


def given(home: str, round_: int = 1) -> Given:
    ids = {"message_id": f"r.{home}.{round_}", "request_id": f"r{round_}", "round": round_}
    return home, Received(Edge("ra-1", home), request(2_000, 2_000, **ids))


def asked(awake: int = 0) -> Homes:
    """All have offered; so many of them needed their actors."""
    homes = Homes(SETTINGS)
    list(homes.begin(T0))
    names = [one.name for one in SETTINGS]
    list(homes.take(map(given, names), T0))
    list(homes.take([given(name, 2) for name in names[:awake]], T0))
    assert homes.awake == awake
    return homes


def test_what_homes_were_asked_and_computed_alike_stands_once() -> None:
    body = fleet_memory(asked(), T0)
    courses = orjson.loads(gzip.decompress(body))["courses"]
    assert len(courses["homes"]) == len(SETTINGS)
    assert [len(courses[table]) for table in ("asked", "computed")] == [1, 1]
    assert len(body) / len(SETTINGS) < 100


def test_homes_that_nothing_has_reached_take_no_room() -> None:
    assert orjson.loads(gzip.decompress(fleet_memory(Homes(SETTINGS), T0)))["courses"]["homes"] == []


def test_one_home_alone_remembers_what_it_knew_among_all() -> None:
    homes = asked(awake=3)
    body = fleet_memory(homes, T0)
    for name, awake in (("h-1", 1), ("h-10", 0)):  # a name that begins like another is not meant
        alone = Homes(SETTINGS)
        assert remember_fleet(alone, body, only=name) == T0
        assert alone.awake == awake
        assert [one.name for one in SETTINGS if alone.knows(one.name, "e1")] == [name]
        relax = m.Relax(
            message_id="x1", sent_at=T0, event_id="e1", request_id="r2" if awake else "r1", round=1, revision=1,
            shortfall_w=(100, 100), restrictions=(m.Restriction.RESERVE_SOC,), reply_by=START - SLOT,
        )  # fmt: skip
        given: list[Given] = [(name, Received(Edge("ra-1", name), relax))]
        assert list(alone.take(given, T0)) == list(homes.take(given, T0))


def test_bytes_that_are_cut_off_or_no_memory_at_all_are_not_whole() -> None:
    body = fleet_memory(asked(), T0)
    assert is_whole(body)
    assert not any(map(is_whole, (body[:-1], body[:100], b"of another version", body[:50] + b"\0" + body[51:])))
