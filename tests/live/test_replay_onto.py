"""A recorded evening played to a real aggregator: it strikes the recorded deals, or the difference is told."""

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paths
import pytest

from agents.cli.app import call
from agents.runtime.daemon.client import ask
from agents.runtime.files.toml_out import to_toml
from agents.settings.checked import ConfigError
from agents.settings.daemon import BrokerSettings, ClockSettings, ControlSettings, DaemonConfig, JournalSettings
from agents.settings.parties import AggregatorSettings, Rung
from agents.tools.replay.compared import PlayedResult
from agents.tools.replay.onto import Onto
from agents.tools.replay.source import RecordingSource
from agents.tools.replay.wire import on_the_wire
from broker.clock import Clock
from broker.mosquitto import Broker, BrokerFailed, free_port, private_broker
from broker.mqtt import Address
from broker.stepper import no_collection

TINY = str(paths.TINY)
SPEED = 600.0
LEAD = timedelta(seconds=3)
"""For the connections of those who play the others."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "run"
    assert call(["simulate", TINY, "--journals", str(folder)]) == 0
    return folder


def aggregator(recording: Path, name: str) -> AggregatorSettings:
    found = RecordingSource(recording).cast.settings[name]
    assert isinstance(found, AggregatorSettings)
    return found


async def ready(log: asyncio.StreamReader) -> None:
    """Return when the daemon says so."""
    while json.loads(line := await log.readline() or b"null") is not None:
        if json.loads(line)["event"] == "ready":
            return
    raise EOFError("the daemon has ended")


async def played(
    onto: Onto, folder: Path, broker: Broker, settings: AggregatorSettings, *, recorded_time: bool = True
) -> PlayedResult:
    """The recording played to a daemon with these settings; both run in recorded time, or in real time."""
    given = ClockSettings(origin_at=onto.origin_at, speed=SPEED, wait=True) if recorded_time else ClockSettings()
    config = DaemonConfig(
        broker=BrokerSettings(port=broker.port),
        clock=given,
        control=ControlSettings(dir=folder),
        journal=JournalSettings(path=folder / "live.journal"),
        aggregator=settings,
    )
    path = folder / "live.toml"
    path.write_text(to_toml(config.model_dump(exclude_none=True)))
    command = (sys.executable, "-m", "agents.cli", "run", "aggregator", "--config", str(path))
    daemon = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert daemon.stdout is not None
    reading_on: asyncio.Task[bytes] | None = None
    try:
        await ready(daemon.stdout)
        reading_on = asyncio.create_task(daemon.stdout.read())
        clock = None
        if recorded_time:
            anchor_at = datetime.now(UTC) + LEAD
            await ask(folder / f"{settings.name}.sock", {"do": "start", "anchor_at": anchor_at})
            clock = Clock(onto.origin_at, anchor_at, SPEED)
        return await onto.play(Address(port=broker.port), 5, 30, clock)
    finally:
        with suppress(ProcessLookupError):
            daemon.send_signal(signal.SIGTERM)
        await daemon.wait()
        if reading_on is not None:
            await reading_on


@pytest.fixture(scope="module")
def compared_live(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, PlayedResult]:
    """The evening on three daemons, each on a broker of its own, at once: they wait for the clock most of the time."""
    without_storage = aggregator(run, "ra-2").model_copy(update={"ladder": (Rung.ALTERNATIVE,)})
    daemons = {
        "ra-1": aggregator(run, "ra-1"),
        "ra-2": aggregator(run, "ra-2"),
        "ra-2 without its storage": without_storage,
    }

    async def one(settings: AggregatorSettings) -> PlayedResult:
        onto = Onto(on_the_wire(RecordingSource(run).lines()), settings.name)
        async with private_broker() as broker:
            return await played(onto, tmp_path_factory.mktemp("live"), broker, settings)

    async def all_of_them() -> list[PlayedResult]:
        return await asyncio.gather(*map(one, daemons.values()))

    with no_collection():  # the daemons' clocks run on while this process, which plays all others, stands still
        return dict(zip(daemons, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", ["ra-1", "ra-2"])
def test_live_aggregator_says_what_it_said_in_the_recording(
    compared_live: Mapping[str, PlayedResult], name: str
) -> None:
    compared = compared_live[name]
    assert compared.differences() == []
    assert compared.unanswered == Counter()
    assert compared.same
    awards = [text for said in compared.now.values() for text in said if text.startswith("award e1 concluded")]
    assert awards


def test_aggregator_without_its_storage_is_told_apart(compared_live: Mapping[str, PlayedResult]) -> None:
    compared = compared_live["ra-2 without its storage"]
    assert not compared.same
    assert any(sign == "-" and text.startswith("offer e1") for sign, _, text in compared.differences())


async def test_recorded_request_is_moved_to_now_for_a_party_in_real_time(
    run: Path, tmp_path: Path, broker: Broker
) -> None:
    wire = on_the_wire(RecordingSource(run).lines())
    asked = [n for n, said in enumerate(wire) if said.kind == "request" and said.sender == "ra-1"]
    onto = Onto(wire[: asked[-1] + 1], "ra-1")
    compared = await played(onto, tmp_path, broker, aggregator(run, "ra-1"), recorded_time=False)
    assert compared.same
    assert compared.kinds() == {"request": (3, 3, 3)}


async def test_party_that_is_not_there_is_one_sentence(run: Path, broker: Broker) -> None:
    onto = Onto(on_the_wire(RecordingSource(run).lines()), "ra-1")
    with pytest.raises(ConfigError, match="ra-1 did not come online"):
        await onto.play(Address(port=broker.port), 0, 0.5, None)


async def test_broker_that_is_not_there_is_one_sentence_with_its_reason(run: Path) -> None:
    onto = Onto(on_the_wire(RecordingSource(run).lines()), "ra-1")
    with pytest.raises(BrokerFailed, match=r"was not reached within 1\.5 s: .*refused"):
        await onto.play(Address(port=free_port()), 0, 1.5, None)
