"""A fleet over a real Mosquitto: the same deal as with single homes, and no award lost over a restart."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paths
import pytest
from live_system import LiveSystem, deals
from worlds import vehicle

from agents.cli.app import call
from agents.runtime.files.derived_contracts import contract
from agents.runtime.files.scenario import build_scenario
from agents.runtime.files.toml import read_toml
from agents.runtime.fleet.process import Fleet
from agents.runtime.fleet.sources import HomesSource, as_stored, load_source
from agents.runtime.journal.journal import JournalError
from agents.settings.parties import DerSettings
from agents.settings.scenario import Scenario
from agents.tools.run.simulate import build_simulation
from broker.bus import Arrival, Post
from broker.mosquitto import Broker
from broker.mqtt import Address, MqttBus
from protocol import messages as m
from protocol.actor import Note
from protocol.codec import decode, encode
from protocol.edges import Edge, topic
from protocol.units import Direction

EVENING_PEAK = paths.EXAMPLES / "evening_peak.toml"


def crowded(path: Path, times: int) -> Scenario:
    """A scenario so many times as large, but for those who misbehave."""
    data = read_toml(path)
    for event in data["utility"]["events"]:
        event["power_w"] = [power * times for power in event["power_w"]]
    for member in data["coordinator"]["members"]:
        member["decrease_load_w"] *= times
    for storage in [own for ra in data["aggregators"] for own in ra.get("storage", ())]:
        for key in ("capacity_wh", "soc_wh", "reserve_wh", "max_charge_w", "max_discharge_w"):
            storage[key] *= times
    for home in data["homes"]:
        home["count"] = home.get("count", 1) * (times if "{n}" in home["name"] else 1)
    return build_scenario(data, str(path), path.parent)


Done = Callable[[str, Note], bool]


async def live(broker: Broker, scenario: Scenario, speed: float, done: Done, connections: int) -> LiveSystem:
    """A system whose homes are all one fleet's."""
    system = LiveSystem(broker, scenario.start_at, speed)
    running: list[asyncio.Task[Any]] = []

    def fleet() -> None:
        source = HomesSource("fleet", scenario.homes, behaviours=scenario.behaviours)
        many = Fleet(source, Address(broker.host, broker.port), connections=connections, tell=system.tell)
        many.clock = system.clock
        system.under_way.append(lambda: many.told().waiting > 0)
        running.append(asyncio.create_task(many.run()))

    parties = (scenario.utility, scenario.coordinator, *scenario.aggregators)
    await system.run(parties, done, beside=fleet, within_s=120)
    await stopped(running[0])
    return system


def simulated(scenario: Scenario) -> dict[object, object]:
    simulation = build_simulation(scenario, scenario.seed)
    simulation.run()
    return deals(list(simulation.notes))


async def test_a_fleet_of_hundreds_concludes_the_deal_of_single_homes(broker: Broker) -> None:
    scenario = crowded(EVENING_PEAK, 10)
    expected = simulated(scenario)
    waiting = dict.fromkeys(home.name for home in scenario.homes if home.name in expected)
    assert len(waiting) > 200

    def done(who: str, note: Note) -> bool:
        if note.name == "standing_by":
            waiting.pop(who, None)
        return not waiting

    system = await live(broker, scenario, 120, done, connections=1)
    assert deals(list(system.notes)) == expected


async def test_a_fleet_delivers_and_reports_what_it_was_awarded(broker: Broker) -> None:
    scenario = crowded(EVENING_PEAK, 1)
    system = await live(
        broker, scenario, 1_200, lambda who, note: (who, note.name) == ("utility", "closed"), connections=3
    )
    assert deals(list(system.notes)) == simulated(scenario)
    assert [note.data["outcome"] for _, who, note in system.notes if (who, note.name) == ("utility", "closed")] == [
        "concluded"
    ]
    controlled = dict.fromkeys(who for _, who, note in system.notes if note.name == "controlling")
    completed = dict.fromkeys(who for _, who, note in system.notes if note.data.get("outcome") == "completed")
    assert controlled
    assert controlled == completed


async def stopped(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Parent:
    """An aggregator of few words: what its homes say is kept."""

    def __init__(self, broker: Broker) -> None:
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.connected = asyncio.Event()
        address = Address(broker.host, broker.port)
        filters = [f"dr/{kind}/ra-1/+" for kind in ("offer", "confirm", "presence")]
        self.bus = MqttBus(address, "ra-1", filters, on_connected=lambda up: self.connected.set() if up else None)

    async def deliver(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            arrival.acknowledge()
            if "/presence/" not in arrival.topic:
                await self.heard.put((arrival.topic, arrival.payload))

    async def say(self, home: str, message: m.Message) -> None:
        await self.bus.publish(Post(topic(message.kind, Edge("ra-1", home)), encode(message)))

    async def answers(self, count: int) -> dict[str, bytes]:
        async with asyncio.timeout(30):
            return dict([await self.heard.get() for _ in range(count)])


@asynccontextmanager
async def gateway(broker: Broker, homes: tuple[DerSettings, ...], journal: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(HomesSource("fleet", homes), Address(broker.host, broker.port), journal=journal)
    running = asyncio.create_task(fleet.run())
    try:
        for line in fleet.lines:
            await line.connected.wait()
        yield fleet
    finally:
        await stopped(running)


async def test_a_fleet_that_is_started_again_keeps_its_offers_and_takes_the_awards_that_came_meanwhile(
    broker: Broker, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    stay = {"state_at": now, "plugs_in_at": now, "departs_at": now + timedelta(hours=12)}
    homes = tuple(DerSettings(name=f"h-{n}", parent="ra-1", devices=(vehicle(f"ev-{n}", **stay),)) for n in range(5))
    ids: dict[str, Any] = {"sent_at": now, "event_id": "e1", "request_id": "r1", "round": 1, "revision": 1}
    request = m.Request(**ids, message_id="r1", program_id="dr", direction=Direction.DECREASE_LOAD, power_w=(2_000,) * 2,
        interval_period=m.IntervalPeriod(start=now + timedelta(hours=1)), reply_by=now + timedelta(minutes=20),
        decide_by=now + timedelta(minutes=30))  # fmt: skip
    parent, journal = Parent(broker), tmp_path / "fleet.journal"
    listening = asyncio.create_task(parent.bus.run(parent.deliver))
    await parent.connected.wait()
    async with gateway(broker, homes, journal):
        for home in homes:
            await parent.say(home.name, request)
        offers = await parent.answers(5)
    with closing(sqlite3.connect(journal)) as connection:  # the second one begins with what the first one knew
        assert connection.execute("SELECT count(*) FROM snapshot").fetchone() == (1,)
    for home in homes:
        await parent.say(home.name, m.Award(**ids, message_id="a1", award_id="a1", accepts=f"{home.name}.offer.own.r1",
            outcome=m.Outcome.CONCLUDED, power_w=(1_000,) * 2, confirm_by=now + timedelta(minutes=25)))  # fmt: skip
    async with gateway(broker, homes, journal) as fleet:
        answers = await parent.answers(10)
        confirms = {name: body for name, body in answers.items() if decode(name, body)[1].kind == "confirm"}
        assert len(confirms) == 5
        assert all(b'"accepted":true' in body for body in confirms.values())
        assert {name: body for name, body in answers.items() if name not in confirms} == offers  # said once more
        for home in homes:
            await parent.say(home.name, request)
        again = await parent.answers(5)
        assert again == confirms  # a repeat of the request is answered with what was said last
        assert fleet.homes.awake == 0
    await stopped(listening)
    assert await asyncio.to_thread(call, ["replay", "verify", str(journal)]) == 0  # as if each had been alone


async def test_a_scenario_goes_on_with_the_dates_that_its_journal_has(broker: Broker, tmp_path: Path) -> None:
    journal, now = tmp_path / "fleet.journal", datetime(2026, 5, 1, 12, tzinfo=UTC)
    first = load_source(EVENING_PEAK, now)
    async with gateway(broker, as_stored(first, journal).homes, journal):
        pass
    again = as_stored(load_source(EVENING_PEAK, now + timedelta(hours=1)), journal)
    assert again.homes == first.homes
    with pytest.raises(JournalError, match="is of other homes"):
        as_stored(first.of("ra-1", None), journal)


def test_an_aggregators_members_have_stand_ins(tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text("name,resources,increase_load_w,decrease_load_w,relaxations\n"
        "h-1,ev-1,3000,5000,reserve_soc\nh-2,,2000,0,\n")  # fmt: skip
    file = tmp_path / "ra.toml"
    file.write_text('[aggregator]\nname = "ra"\nparent = "ac"\nmembers_file = "members.csv"\n')
    source = load_source(file, datetime(2026, 5, 1, tzinfo=UTC))
    assert [home.name for home in source.homes] == ["h-1", "h-2"]
    member = contract(source.homes[0])
    assert (member.resources, member.relaxations) == (("ev-1",), (m.Restriction.RESERVE_SOC,))
    assert source.name == "fleet-ra"


def test_users_mistakes_are_one_sentence(tmp_path: Path, capsys: Any) -> None:
    def said(*arguments: str) -> tuple[int, str]:
        code = call(["fleet", *arguments])
        return code, capsys.readouterr().err

    assert said("evening_peak", "--under", "ra-9", "--no-journal")[0] == 2
    code, text = said("evening_peak", "--connections", "9", "--no-journal")
    assert code == 2
    assert "--connections: 9 is not between 1 and 5" in text
    assert said("evening_peak", "--homes", "0", "--no-journal")[0] == 2
    assert said("evening_peak", "--no-journal", "--journal", "x")[0] == 2
    assert said("evening_peak", "--speed", "2")[0] == 2
    assert "--name: 'a b' is no name" in said("evening_peak", "--name", "a b", "--no-journal")[1]
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    assert "is needed" in said(str(empty))[1]
