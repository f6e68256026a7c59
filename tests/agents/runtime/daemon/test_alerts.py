"""A daemon notices its own losses, says so, says when it is over; and its figures are there for Prometheus."""

import asyncio
import re
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import paths
import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs
from worlds import T0, World

from agents.parties.utility.actor import Utility
from agents.runtime.daemon.alerts import STUCK_S, Alerts
from agents.runtime.daemon.metrics import Metrics
from agents.runtime.inbox import INBOX
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.runtime.skew import LAST, Skew
from agents.settings.parties import UtilitySettings
from broker.bus import Post
from broker.clock import Clock
from broker.credentials import Credentials
from broker.mqtt import Address, MqttBus
from broker.sequence import Gaps, Numbers
from protocol.actor import Cancel, Entry, Issue, Note, Received
from protocol.edges import Edge
from protocol.units import Direction


def bus(address: Address | None = None) -> MqttBus:
    return MqttBus(address or Address(), "ac", ())


def shell(bus: MqttBus) -> Shell:
    return Shell(Utility(UtilitySettings(children=("ac",))), bus, Clock(T0, datetime.now(UTC)))


def received() -> Received:
    world = World()
    world.simple("ra-1", 1)
    world.event(6_000)
    entries: list[Entry] = world.run().simulation.trace
    return next(e.input for e in entries if isinstance(e.input, Received) and e.input.message.kind == "offer")


def sent_at(lag: timedelta, clock: Clock) -> Received:
    heard = received()
    return replace(heard, message=heard.message.model_copy(update={"sent_at": clock.now() - lag}))


def test_crowd_that_has_to_wait_takes_little_memory() -> None:
    skew, clock = Skew(), Clock()
    late = sent_at(timedelta(seconds=50), clock)
    crowd = [replace(late, edge=Edge("ra-1", f"h{number}")) for number in range(1_000)]
    tracemalloc.start()
    for received in crowd:
        skew.hear(received, clock.now(), clock.speed, False)
    stored = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert stored < 300 * len(crowd)


def test_peer_from_the_future_is_skewed_at_once() -> None:
    skew, clock = Skew(), Clock()
    skew.hear(sent_at(timedelta(seconds=-20), clock), clock.now(), clock.speed, False)
    assert skew.found() == {}
    skew.hear(sent_at(timedelta(seconds=-40), clock), clock.now(), clock.speed, False)
    assert skew.found() == {"ra-1/ra-1-h0": pytest.approx(-40, abs=1)}


def test_old_message_may_have_waited_but_five_in_a_row_are_a_clock_behind() -> None:
    skew, clock = Skew(), Clock()
    for _ in range(LAST - 1):
        skew.hear(sent_at(timedelta(seconds=50), clock), clock.now(), clock.speed, False)
    assert skew.found() == {}
    skew.hear(sent_at(timedelta(seconds=45), clock), clock.now(), clock.speed, False)
    assert skew.found() == {"ra-1/ra-1-h0": pytest.approx(45, abs=1)}
    skew.hear(sent_at(timedelta(seconds=1), clock), clock.now(), clock.speed, False)
    assert skew.found() == {}


def test_skew_is_measured_in_real_seconds_however_fast_the_clock_runs() -> None:
    skew, clock = Skew(), Clock(speed=100)
    skew.hear(sent_at(timedelta(seconds=-2_000), clock), clock.now(), clock.speed, False)
    assert skew.found() == {}


def test_gap_is_what_a_sender_skipped_and_neither_repeat_nor_new_start() -> None:
    gaps, numbers = Gaps(), Numbers()
    first, second, third, fourth = (numbers.next(Edge("a", "b")) for _ in range(4))
    for number in (first, first, second, "", "x.y", fourth, fourth):
        gaps.hear("dr/offer/a/b", Edge("a", "b"), number)
    assert gaps.lost == 1
    gaps.hear("dr/offer/a/b", Edge("a", "b"), "another.1")
    gaps.hear("dr/offer/a/c", Edge("a", "c"), third)
    assert (gaps.lost, gaps.last_topic) == (1, "dr/offer/a/b")


async def test_alert_is_told_once_and_its_end_too() -> None:
    wire = bus()
    alerts = Alerts({"ac": shell(wire)}, {"ac": wire}, None)
    with capture_logs() as told:
        alerts.look()
        await wire.publish(Post("dr/offer/a/b", b"x"))
        wire._moved_at -= STUCK_S + 1
        alerts.look()
        alerts.look()
        assert alerts.active == {"outbox_ageing": "ac: nothing was taken by the broker for 6 s"}
        wire._queue.popleft()
        alerts.look()
    assert [(line["event"], line["alert"]) for line in told] == [
        ("alert", "outbox_ageing"),
        ("alert_over", "outbox_ageing"),
    ]


def test_gap_and_the_brokers_own_count_are_alerts() -> None:
    wire = bus()
    alerts = Alerts({}, {"ac": wire}, None)
    wire.dropped_by_broker = 7  # before our time
    alerts.look()
    assert alerts.active == {}
    wire.gaps.hear("t", Edge("a", "b"), "s.1")
    wire.gaps.hear("t", Edge("a", "b"), "s.4")
    wire.dropped_by_broker = 9
    alerts.look()
    assert alerts.active == {
        "sequence_gap": "ac: 2 messages were lost on t",
        "broker_dropped": "ac: 2 messages were dropped by the broker",
    }


def test_queue_that_fills_is_an_alert() -> None:
    wire = bus()
    full = shell(wire)
    for _ in range(INBOX * 8 // 10):
        full._inbox.queue.put_nowait((Cancel("e"), lambda: None))
    alerts = Alerts({"utility": full}, {}, None)
    alerts.look()
    assert alerts.active == {"queue_full": "utility: 1600 of at most 2000 in its queue inbox"}


async def test_failing_journal_is_an_alert_until_it_works(tmp_path: Path) -> None:
    failed, mended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    path = tmp_path / "j"
    journal = Journal(path, lambda text: loop.call_soon_threadsafe((failed if text else mended).set) and None)
    journal._file.writes.execute("PRAGMA query_only = 1")
    journal.start()
    journal.append(Entry(T0, "a", None, ()))
    alerts = Alerts({}, {}, journal)
    async with asyncio.timeout(10):
        await failed.wait()
        alerts.look()
        assert "nothing is acknowledged or published" in alerts.active["journal_failing"]
        journal._file.writes.execute("PRAGMA query_only = 0")
        await mended.wait()
    alerts.look()
    assert alerts.active == {}
    await journal.close()


async def test_figures_are_there_for_prometheus(tmp_path: Path) -> None:
    wire, journal = bus(), Journal(tmp_path / "j")
    journal.start()
    await journal.durable(journal.append(Entry(T0, "a", None, ())))
    shells = {"utility": shell(wire)}
    metrics = Metrics(shells, {"utility": wire}, journal, Alerts(shells, {}, journal))
    metrics.tell(T0, "ra-1", Note("request_received", "e1", "S20"))
    metrics.tell(T0 + timedelta(seconds=90), "ra-1", Note("offers_summed", "e1", "S24"))
    shells["utility"].actor.receive(Cancel("e9"), T0)
    metrics.look()
    text = generate_latest(metrics.registry).decode()
    await journal.close()
    assert 'gridpact_open_events{party="utility"} 0.0' in text
    assert 'gridpact_stage_seconds_sum{party="ra-1",step="S24"} 90.0' in text
    assert 'gridpact_queue_depth{party="utility",queue="inbox"} 0.0' in text
    assert "gridpact_journal_entries_total 1.0" in text
    assert "gridpact_journal_commit_seconds_count 1.0" in text
    assert "gridpact_sequence_gaps_total 0.0" in text


@pytest.mark.parametrize("digits", [15, 16, 400, 5_000])
async def test_strangers_numbers_leave_the_figures_readable(digits: int) -> None:
    wire, edge = bus(), Edge("a", "b")
    for count in ("1", "9" * digits, "2"):
        wire.gaps.hear("dr/offer/a/b", edge, f"s.{count}")
    shells = {"utility": shell(wire)}
    alerts = Alerts(shells, {"utility": wire}, None)
    metrics = Metrics(shells, {"utility": wire}, None, alerts)
    alerts.look()
    metrics.look()
    assert "gridpact_sequence_gaps_total 0.0" in generate_latest(metrics.registry).decode()


def code_of(*rooms: str) -> str:
    """What takes the figures of a daemon, or of a fleet."""
    runtime = paths.ROOT / "agents" / "runtime"
    return "".join(path.read_text() for room in rooms for path in sorted((runtime / room).glob("metrics*.py")))


def test_every_metric_of_the_page_exists() -> None:
    page, code = (paths.DOCS / "operations.md").read_text(), code_of("daemon", "fleet")
    named = {part.split("{")[0].removesuffix("_total") for part in page.split("`") if part.startswith("gridpact_")}
    assert len(named) >= 9
    assert [name for name in named if f'"{name}"' not in code] == []


async def test_events_under_way_have_their_power_among_the_figures() -> None:
    wire = bus()
    utility = shell(wire)
    issue = Issue("e1", "dr", Direction.DECREASE_LOAD, T0 + timedelta(hours=1), (5_000, 7_000))
    utility.actor.receive(issue, T0)
    shells = {"utility": utility}
    metrics = Metrics(shells, {"utility": wire}, None, Alerts(shells, {}, None))
    metrics.look()
    text = generate_latest(metrics.registry).decode()
    assert 'gridpact_event_power_watts{event_id="e1",figure="requested",party="utility"} 7000.0' in text
    assert 'gridpact_event_delivered_watt_hours{event_id="e1",party="utility"} 0.0' in text
    assert 'figure="awarded"' not in text
    utility.actor.receive(Cancel("e1"), T0)
    metrics.look()
    assert 'event_id="e1"' not in generate_latest(metrics.registry).decode()


def test_every_metric_of_the_board_exists() -> None:
    folder = paths.ROOT / "deploy" / "grafana"
    board = orjson.loads((folder / "dashboards" / "gridpact.json").read_bytes())
    code = code_of("daemon")
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    named = {name for target in targets for name in re.findall(r"gridpact_\w+", target["expr"])}
    assert len(named) >= 10
    assert [name for name in named if f'"{re.sub("_(total|bucket)$", "", name)}"' not in code] == []
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    source = {target["datasource"]["uid"] for target in targets}
    assert source == {"gridpact-prometheus"}
    assert "uid: gridpact-prometheus" in (folder / "provisioning" / "datasources" / "gridpact.yaml").read_text()


async def test_certificate_that_ends_soon_and_credentials_that_are_refused_are_alerts_and_a_figure() -> None:
    wire = bus()
    alerts = Alerts({"ac": shell(wire)}, {"ac": wire}, None)
    metrics = Metrics({"ac": shell(wire)}, {"ac": wire}, None, alerts)
    metrics.look()
    assert b"gridpact_certificate_expires_seconds" not in generate_latest(metrics.registry)
    for days, told in ((31, False), (29, True), (-1, True)):
        ends_at = datetime.now(UTC) + timedelta(days=days)
        wire.entrance._good = Credentials(expires_at=ends_at)
        alerts.look()
        assert ("certificate_expires" in alerts.active) is told
    assert "has ended" in alerts.active["certificate_expires"]
    metrics.look()
    assert b"gridpact_certificate_expires_seconds -86" in generate_latest(metrics.registry)
    wire.entrance.trouble = "new credentials are refused"
    alerts.look()
    assert alerts.active["credentials_refused"] == "ac: new credentials are refused"


async def test_key_that_others_may_read_is_an_alert_until_it_is_closed(tmp_path: Path) -> None:
    key = tmp_path / "party.key"
    key.touch(0o600)
    wire = bus(Address(ca=key, certificate=key, key=key))
    alerts = Alerts({"ac": shell(wire)}, {"ac": wire}, None)
    for mode, told in ((0o600, False), (0o640, True), (0o600, False)):
        key.chmod(mode)
        alerts.look()
        assert ("credentials_open" in alerts.active) is told
    assert wire.address.open_to_others == ()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            "peer_lost_memory",
            {"peer": "ra-1-h0", "kind": "dispatch"},
            "ra-1-h0 does not know what it had agreed to in e1",
        ),
        ("own_memory_lost", {"peer": "ac", "kind": "offer", "number": 21}, "ac knows more of e1 than this journal"),
        ("message_refused", {"edge": "ra-1/h", "reason": "unknown_event"}, "a peer speaks of e1 on ra-1/h"),
        (
            "message_refused",
            {"edge": "ra-1/h", "kind": "report", "reason": "unknown_award"},
            "a report of e1 on ra-1/h is of an award that this journal does not know",
        ),
    ],
)
def test_lost_memory_stands_as_an_alert(name: str, data: dict[str, object], words: str) -> None:
    alerts = Alerts({}, {}, None)
    alerts.note("ra-1", Note(name, "e1", data=data))
    alerts.look()
    assert alerts.active["memory_lost"].startswith(f"ra-1: {words}")


@pytest.mark.parametrize(("kind", "reason"), [("report", "stale"), ("confirm", "unknown_award")])
def test_other_refusals_are_no_alert(kind: str, reason: str) -> None:
    alerts = Alerts({}, {}, None)
    alerts.note("ra-1", Note("message_refused", "e1", data={"edge": "ra-1/h", "kind": kind, "reason": reason}))
    alerts.look()
    assert alerts.active == {}
