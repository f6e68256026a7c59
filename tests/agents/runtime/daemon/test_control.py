"""The control socket: owner only, strict commands, a sentence for every refusal."""

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from asked import request
from memory_bus import MemoryBus
from worlds import START, T0, World, vehicle

from agents.cli import operate, resident
from agents.drivers.build import build_drivers, build_feeds
from agents.drivers.simulated import build_driver
from agents.parties.der.actor import Der
from agents.parties.utility.actor import Utility
from agents.runtime.daemon.client import ask, converse
from agents.runtime.daemon.commands import CommandRefusal
from agents.runtime.daemon.control import ControlServer
from agents.runtime.daemon.logs import note_line
from agents.runtime.daemon.sockets import prepare, sockets
from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError
from agents.settings.parties import Consent, DerSettings, UtilitySettings
from agents.settings.plan import WEEKDAYS, OwnersPlan, WeeklyDeparture
from broker.bus import Arrival
from broker.clock import Clock
from protocol import messages as m
from protocol.actor import Cancel, Issue, Note
from protocol.codec import encode, to_json
from protocol.units import Direction


@asynccontextmanager
async def serving(
    path: Path, *shells: Shell, started: Callable[[datetime], None] = lambda at: None
) -> AsyncIterator[ControlServer]:
    """A control server and its shells, as in a daemon."""
    server = ControlServer(path, {shell.actor.name: shell for shell in shells}, started)
    tasks = [asyncio.create_task(server.run()), *(asyncio.create_task(shell.run()) for shell in shells)]
    while not path.is_socket():
        await asyncio.sleep(0)
    try:
        yield server
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "party.sock"


def utility(bus: MemoryBus | None = None) -> Shell:
    return Shell(Utility(UtilitySettings(children=("ac",))), bus or MemoryBus(), Clock(T0, datetime.now(UTC)))


def asking_home(bus: MemoryBus, name: str = "hems-1") -> Shell:
    settings = DerSettings(name=name, parent="ra-1", devices=(vehicle(f"ev-{name}"),), consent=Consent.ASK)
    clock = Clock(T0 + timedelta(minutes=1), datetime.now(UTC))
    return Shell(Der(settings), bus, clock, {f"ev-{name}": build_driver(vehicle(f"ev-{name}"))})


def planning_home(name: str = "hems-1", cars: int = 1) -> Shell:
    daily = WeeklyDeparture.model_validate({"days": WEEKDAYS, "at": "07:30", "back": "17:00", "soc_wh": 20_000})
    plan = OwnersPlan(zone="Asia/Tokyo", departures=(daily,))
    specs = tuple(vehicle(f"ev-{number}", plan=plan) for number in range(cars))
    settings = DerSettings(name=name, parent="ra-1", devices=specs)
    drivers = build_drivers(settings)
    clock = Clock(T0 + timedelta(minutes=1), datetime.now(UTC))
    return Shell(Der(settings), MemoryBus(), clock, drivers, feeds=build_feeds(settings, drivers))


EVENT = {"event_id": "e9", "issue_at": T0, "direction": "decrease_load", "start": START, "power_w": [5000]}


async def test_only_the_owner_can_open_the_socket(path: Path) -> None:
    async with serving(path, utility()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert sockets(path.parent.parent) == [path]
    assert not path.exists()


async def test_status_tells_every_party_of_the_daemon(path: Path) -> None:
    async with serving(path, utility()):
        answer = await ask(path, {"do": "status"})
    [party] = answer["parties"]
    assert (party["name"], party["role"], party["questions"]) == ("utility", "utility", [])


async def test_an_operator_issues_an_event_and_cancels_it(path: Path) -> None:
    bus = MemoryBus()
    async with serving(path, utility(bus)), asyncio.timeout(5):
        await ask(path, {"do": "issue", "event": EVENT})
        assert (await bus.posts.get()).topic == "dr/request/utility/ac"
        await ask(path, {"do": "cancel", "event_id": "e9"})
        while (post := await bus.posts.get()).topic != "dr/award/utility/ac":
            pass
    assert orjson.loads(post.payload)["outcome"] == "cancelled"


async def test_same_order_of_a_known_event_asks_again(path: Path) -> None:
    given = []

    class Told(Utility):
        def _ordered(self, item: Issue | Cancel, now: datetime) -> None:
            given.append(item)
            super()._ordered(item, now)

    shell = Shell(Told(UtilitySettings(children=("ac",))), MemoryBus(), Clock(T0, datetime.now(UTC)))
    async with serving(path, shell), asyncio.timeout(5):
        for _ in range(2):
            await ask(path, {"do": "issue", "event": EVENT})
    assert [item.asks_again for item in given if isinstance(item, Issue)] == [False, True]


def not_needed(home: str) -> m.Award:
    """Of a home whose offer nobody wants."""
    return m.Award(
        message_id=f"a.{home}", sent_at=T0 + timedelta(minutes=2), event_id="e1", request_id="e1.1.1", round=1,
        revision=1, award_id=f"a.{home}", outcome=m.Outcome.NOT_NEEDED, power_w=(0,), confirm_by=START,
    )  # fmt: skip


async def test_only_homes_that_still_have_something_to_decide_are_asked_for(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shells = [asking_home(MemoryBus(), name) for name in ("hems-1", "hems-2", "hems-3")]
    async with serving(path, *shells), asyncio.timeout(5):
        for shell in shells:
            name = shell.actor.name
            await shell.deliver([Arrival(f"dr/request/ra-1/{name}", encode(request(3_000)))])
            while not shell.questions:
                await asyncio.sleep(0)
            await resident.decide(path.parent, "e1", True, name)
        with pytest.raises(CommandRefusal, match="hems-1, hems-2, hems-3 ask about e1: say which with --party"):
            await resident.decide(path.parent, "e1", False, None)
        for name in ("hems-1", "hems-3"):
            shell = next(one for one in shells if one.actor.name == name)
            await shell.deliver([Arrival(f"dr/award/ra-1/{name}", encode(not_needed(name)))])
            while shell.actor.status()["events"][0]["decides_until"] is not None:  # type: ignore[index]
                await asyncio.sleep(0)
        capsys.readouterr()
        assert await resident.decide(path.parent, "e1", False, None) == 0
        told = await ask(path, {"do": "decide", "event_id": "e1", "take_part": True})
        assert (told["before"], told["after"]) == ("opted_out", "offered")
    assert capsys.readouterr().out == "hems-2: takes no part in e1: its offer is taken back\n"


async def test_a_resident_decides(path: Path) -> None:
    bus = MemoryBus()
    shell = asking_home(bus)
    async with serving(path, shell), asyncio.timeout(5):
        await shell.deliver([Arrival("dr/request/ra-1/hems-1", encode(request(3_000)))])
        while not shell.questions:
            await asyncio.sleep(0)
        told = await ask(path, {"do": "decide", "event_id": "e1", "take_part": False})
        post = await bus.posts.get()
        assert shell.questions == {}
        assert (told["before"], told["after"]) == ("considering", "opted_out")
        changed = await ask(path, {"do": "decide", "event_id": "e1", "take_part": True})
        assert (changed["before"], changed["after"], changed["late"]) == ("opted_out", "offered", False)
        with pytest.raises(CommandRefusal, match="hems-1 knows no event e9"):
            await ask(path, {"do": "decide", "event_id": "e9", "take_part": True, "party": "hems-1"})
    assert orjson.loads(post.payload)["opt"] == "opt_out"


async def test_home_hears_of_an_outage(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = asking_home(MemoryBus())
    actor = shell.actor
    assert isinstance(actor, Der)
    async with serving(path, shell), asyncio.timeout(5):
        assert await resident.outage(path.parent.parent, True, None) == 0
        assert actor.outage
        assert await resident.outage(path.parent.parent, False, "hems-1") == 0
        assert not actor.outage
        with pytest.raises(CommandRefusal, match="no home hems-2 runs here"):
            await resident.outage(path.parent.parent, True, "hems-2")
        with pytest.raises(CommandRefusal, match="no home below ra-2 runs here"):
            await resident.outage(path.parent.parent, True, None, "ra-2")
        assert await resident.outage(path.parent.parent, True, None, "ra-1") == 0
        assert actor.outage
        assert not actor.at_rest(START + timedelta(days=1))  # a fresh actor would not know that the grid is gone
    assert capsys.readouterr().out.splitlines() == [
        "hems-1: gives nothing until the grid is back", "hems-1: takes part again",
        "1 home below ra-1: each gives nothing until the grid is back",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "before", "after", "words"),
    [
        ("no", "considering", "opted_out", "hems-1: takes no part in e1"),
        ("no", "offered", "opted_out", "hems-1: takes no part in e1: its offer is taken back"),
        ("no", "active", "withdrawn", "hems-1: has withdrawn in e1"),
        ("no", "opted_out", "opted_out", "hems-1: takes no part in e1, as before"),
        ("yes", "considering", "offered", "hems-1: offers to take part in e1"),
        ("yes", "offered", "offered", "hems-1: offers to take part in e1, as before"),
    ],
)
async def test_command_tells_what_came_of_a_decision(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, before: str, after: str,
    words: str
) -> None:  # fmt: skip
    assert await said(path, monkeypatch, answer, before, after) == 0
    assert capsys.readouterr().out == f"{words}\n"


@pytest.mark.parametrize(
    ("answer", "before", "after", "words"),
    [
        ("no", "offered", "offered", "hems-1: the answer comes too late for e1: offers to take part"),
        ("yes", "opted_out", "opted_out", "hems-1: the answer comes too late for e1: takes no part"),
        ("no", "not_needed", "not_needed", "hems-1: the answer comes too late for e1: not_needed"),
        (
            "yes",
            "considering",
            "opted_out",
            "hems-1: takes no part in e1: its devices have nothing to give in its slots",
        ),
    ],
)
async def test_command_refuses_what_has_not_its_way(
    path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, before: str, after: str, words: str
) -> None:
    with pytest.raises(CommandRefusal, match=words):
        await said(path, monkeypatch, answer, before, after)


async def test_command_tells_that_a_yes_comes_behind_the_time_to_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await said(path, monkeypatch, "yes", "opted_out", "offered", late=True)
    assert "after the time to answer: it may hear that it is not needed any more" in capsys.readouterr().out


async def said(
    path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, before: str, after: str, *, late: bool = False
) -> int:
    """What `decide` makes of a daemon's answer."""

    async def answered(path: Path, command: dict[str, object]) -> dict[str, object]:
        return {"ok": True, "before": before, "after": after, "late": late}

    async def parties(control: Path | None) -> list[tuple[Path, dict[str, object]]]:
        return [(path, {"name": "hems-1", "questions": []})]

    monkeypatch.setattr(resident, "ask", answered)
    monkeypatch.setattr(resident, "parties", parties)
    return await resident.decide(path, "e1", answer == "yes", "hems-1")


async def test_a_watcher_hears_the_notes_from_then_on(path: Path) -> None:
    async with serving(path, utility()) as server, asyncio.timeout(5):
        lines = converse(path, {"do": "watch"})
        assert (await anext(lines))["ok"]
        server.tell(to_json(note_line(T0, "utility", Note("event_issued", "e1", "S1", {"power_w": (1, 2)}))) + b"\n")
        heard = await anext(lines)
        await lines.aclose()
    assert heard == {
        "event": "event_issued",
        "at": "2026-01-14T17:00:00Z",
        "party": "utility",
        "event_id": "e1",
        "step": "S1",
        "data": {"power_w": [1, 2]},
    }


async def test_the_clock_is_set_going_once_all_are_there(path: Path) -> None:
    given: list[datetime] = []
    async with serving(path, utility(), started=given.append):
        await ask(path, {"do": "start", "anchor_at": T0})
    assert given == [T0]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ({"do": "dance"}, "Input tag 'dance' found using 'do' does not match any of the expected tags"),
        ({"do": "status", "more": 1}, "status.more: there is no such key"),
        ({"do": "issue", "event": EVENT | {"power_w": [-1]}}, "issue.event.power_w[0]: "),
        ({"do": "issue", "event": EVENT | {"power_w": [0, 0]}}, "event.power_w: asks for nothing in any slot"),
        (
            {"do": "issue", "event": EVENT | {"start": "3026-01-14T18:00:00Z"}},
            "issue.event.start: lies in the year 3026; the years 2000 to 2199 are taken",
        ),
        (
            {"do": "issue", "event": EVENT | {"start": "2199-01-14T18:00:00Z", "issue_at": "2199-01-14T17:00:00Z"}},
            "event.start: 2199-01-14 lies 63187 days after the event is issued",
        ),
        (
            {"do": "issue", "event": EVENT | {"start": "0001-01-01T00:00:00+09:00"}},
            "issue.event.start: lies in the year 1; the years 2000 to 2199 are taken",
        ),
        ({"do": "decide", "event_id": "e1", "take_part": True}, "nobody was asked about e1"),
        ({"do": "decide", "event_id": "e1", "take_part": True, "party": "x"}, "x does not run in this daemon"),
        ({"do": "outage", "is_out": True}, "no home runs here: name the one home whose connection point it is"),
        ({"do": "outage", "is_out": True, "party": "utility"}, "utility is no home of this daemon"),
        ({"do": "quarantine", "party": "x"}, "x does not run here"),
    ],
)
async def test_a_wrong_command_is_refused_in_one_sentence(path: Path, command: dict[str, object], error: str) -> None:
    async with serving(path, utility()):
        with pytest.raises(CommandRefusal) as caught:
            await ask(path, command)
    assert str(caught.value).startswith(error)


WANTED = operate.WantedRequest(Direction.DECREASE_LOAD, "+60m", (5_000,), 1_800, None, "dr")


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (replace(WANTED, start="3026-01-14T18:00:00Z"), "--start: lies in the year 3026; the years 2000 to 2199"),
        (replace(WANTED, start="0001-01-01T00:00:00+09:00"), "--start: lies in the year 1; the years 2000 to 2199"),
        (replace(WANTED, start="2027-06-14T18:00:00Z"), "--start: 2027-06-14 lies 516 days after the event is issued"),
        (replace(WANTED, start="2026-01-14T16:00:00Z"), "--start: 2026-01-14T16:00Z is not after the utility's now, "),
        (replace(WANTED, start="+3d"), "--start: '+3d' is neither +45m nor an instant with its offset"),
        (replace(WANTED, start="2026-01-14T18:00:00"), "--start: '2026-01-14T18:00:00' is neither +45m nor an instant"),
        (replace(WANTED, power_w=(0, 0)), "--kw: asks for nothing in any slot"),
        (replace(WANTED, power_w=(1,) * 337), "--kw: at most 336 taken, not 337"),
        (replace(WANTED, event_id="an event"), "--event-id: 'an event' is no name: 1 to 64 letters"),
        (replace(WANTED, program_id=""), "--program: '' is no name: 1 to 64 letters"),
    ],
)
async def test_request_that_cannot_be_meant_is_refused_by_its_option(
    path: Path, wanted: operate.WantedRequest, sentence: str
) -> None:
    shell = utility()
    async with serving(path, shell):
        with pytest.raises(ConfigError) as caught:
            await operate.request(path.parent, wanted, json=True)
    assert str(caught.value).startswith(sentence)
    assert shell.status()["events"] == []


async def test_less_may_be_requested_of_an_event_under_way(path: Path) -> None:
    """The one before it begins when it did; what is no such event has to begin later."""
    world = World()
    world.simple("ra-1", 4)
    world.event(20_000, 20_000)
    simulation = world.build()
    simulation.run(until=START + timedelta(minutes=10))
    clock = Clock(START + timedelta(minutes=10), datetime.now(UTC))
    shell = Shell(simulation.actor("utility"), MemoryBus(), clock)
    less = replace(WANTED, start=START.isoformat(), power_w=(20_000, 8_000), event_id="e1")
    async with serving(path, shell), asyncio.timeout(10):
        with pytest.raises(ConfigError, match="is not after the utility's now"):
            await operate.request(path.parent, replace(less, event_id="e2"), json=True)
        watching = asyncio.create_task(operate.request(path.parent, less, json=True))
        while shell.status()["events"][0]["requested_w"] != [20_000, 8_000]:  # type: ignore[index]
            await asyncio.sleep(0)
        watching.cancel()
        await asyncio.wait([watching])


async def test_only_a_utility_issues_events(path: Path) -> None:
    async with serving(path, asking_home(MemoryBus())):
        with pytest.raises(CommandRefusal, match="this daemon is no utility"):
            await ask(path, {"do": "issue", "event": EVENT})


async def test_bytes_that_are_no_command_are_answered_and_the_next_one_works(path: Path) -> None:
    async with serving(path, utility()):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"\xff{\n" + b'{"do":"status"}\n')
        answers = [orjson.loads(await reader.readline()) for _ in range(2)]
        writer.close()
        await writer.wait_closed()
    assert [answer["ok"] for answer in answers] == [False, True]


async def test_a_second_daemon_cannot_take_the_socket_and_a_dead_ones_is_cleared(path: Path) -> None:
    async with serving(path, utility()):
        with pytest.raises(ConfigError, match="another daemon listens"):
            await ControlServer(path, {}, lambda at: None).run()
    path.touch()
    async with serving(path, utility()):
        assert (await ask(path, {"do": "status"}))["ok"]


def test_a_directory_that_others_may_write_to_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(ConfigError, match="nobody else may write there"):
        prepare(path)


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at most 104 bytes"):
        prepare(tmp_path / ("x" * 120) / "a.sock")


async def test_where_no_daemon_listens_a_sentence_says_so(path: Path) -> None:
    with pytest.raises(CommandRefusal, match="no daemon listens here"):
        await ask(path, {"do": "status"})


async def test_owner_sees_the_departures_and_leaves_one_out(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = planning_home()
    async with serving(path, shell):
        assert await resident.plan(path.parent, "hems-1", None, not_today=False, not_on=None, json=False) == 0
        before = capsys.readouterr().out.splitlines()
        assert before[0] == "ev-0: departs on Thu 2026-01-15 at 07:30 with 20 kWh"
        assert await resident.plan(path.parent, "hems-1", "ev-0", not_today=True, not_on=None, json=False) == 0
        after = capsys.readouterr().out.splitlines()
        assert after == ["ev-0: stays at home on 2026-01-15", *before[1:]]
        assert isinstance(shell.actor, Der)
        assert shell.actor.home.plans["ev-0"].skipped == ("2026-01-15",)
        with pytest.raises(CommandRefusal, match="no departure on 2026-01-15 that is still to come"):
            await resident.plan(path.parent, "hems-1", None, not_today=True, not_on=None, json=False)


async def test_plan_of_nobody_is_refused_in_a_sentence(path: Path) -> None:
    async with serving(path, planning_home(cars=2), asking_home(MemoryBus(), "hems-2")):
        for party, device, text in (
            ("hems-1", None, "hems-1 has plans of ev-0, ev-1: name one of them with --device"),
            ("hems-1", "ev-7", r"hems-1 has no plan of ev-7 \(there are ev-0, ev-1\)"),
            ("hems-2", None, "hems-2 has no vehicle with a plan"),
            ("hems-3", None, "hems-3 does not run here"),
        ):
            with pytest.raises(CommandRefusal, match=text):
                await resident.plan(path.parent, party, device, not_today=True, not_on=None, json=False)


async def test_owner_sets_limits_and_leaves_at_another_instant(path: Path) -> None:
    shell = planning_home()
    assert isinstance(shell.actor, Der)
    async with serving(path, shell):
        told = await ask(
            path, {"do": "limits", "party": "hems-1", "resource_id": "ev-0", "limits": {"reserve_wh": 9_000}}
        )
        assert (told["limits"]["reserve_wh"], told["changed"]) == (9_000, ["reserve_wh"])
        assert shell.actor.home.limits == {"ev-0": {"reserve_wh": 9_000}}
        command = {"do": "plan", "party": "hems-1", "resource_id": "ev-0"}
        moved = await ask(path, command | {"leaves_at": "2026-01-15T06:45:00Z"})
        assert moved["departures"][0]["departs_at"] == "2026-01-15T06:45:00Z"
        assert shell.actor.home.plans["ev-0"].stays[0].departs_at == datetime(2026, 1, 15, 6, 45, tzinfo=UTC)
        assert (await ask(path, command))["departures"] == moved["departures"]
        for wrong, text in (
            ({"limits": {"reserve_wh": 10**9}}, "ev-0: .*capacity_wh"),
            ({"limits": {"colour": 1}}, "ev-0 has no limit colour"),
            ({"resource_id": "ev-9"}, r"hems-1 has no device ev-9 \(there are ev-0\)"),
            ({"party": "hems-9"}, "hems-9 does not run in this daemon"),
        ):
            with pytest.raises(CommandRefusal, match=text):
                await ask(path, {"do": "limits", "party": "hems-1", "resource_id": "ev-0"} | wrong)
        with pytest.raises(CommandRefusal, match="cannot be at"):
            await ask(path, command | {"leaves_at": "2026-01-01T00:00:00Z"})
