"""`gridpact broker` and `gridpact enrol` against the Mosquitto that they are for."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from hardened import HOST, Hardened, running

from agents.cli.app import call
from agents.tools.access.broker_files import BrokerFiles
from agents.tools.access.plan import load_plan
from agents.tools.access.rules import mark_of
from broker.entrance import Entrance
from broker.link import LinkDenied
from broker.mosquitto import configuration, free_port, started_broker
from broker.probe import Probe

BOOK = "name,kind\nhems-1,der\nhems-2,der\n"
AGGREGATOR = '[aggregator]\nname = "ra-1"\nparent = "ac"\nmembers = {}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a broker that the command has made, for one aggregator with two homes."""
    aggregator = AGGREGATOR.format('[{name = "hems-1"}, {name = "hems-2"}]')
    (tmp_path / "ra-1.toml").write_text(aggregator)
    ports = ["--port", str(free_port()), "--password-port", str(free_port()), "--bind", HOST, "--host", HOST]
    assert call(["ca", "init", str(tmp_path / "ca")]) == 0
    where = [str(tmp_path / "mosquitto"), "--book", str(tmp_path / "ra-1.toml"), "--ca", str(tmp_path / "ca")]
    assert call(["broker", "init", *where, *ports]) == 0
    return tmp_path


def hardened(folder: Path) -> Hardened:
    return Hardened(folder, BrokerFiles(folder / "mosquitto", load_plan(folder / "mosquitto")))


async def checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[tuple[str, str]]]:
    """Verdict and text by check; the exit code says whether there is a fault."""
    capsys.readouterr()
    code = await asyncio.to_thread(call, ["broker", "check", str(folder / "mosquitto"), "--json"])
    found: dict[str, list[tuple[str, str]]] = {}
    for one in json.loads(capsys.readouterr().out)["findings"]:
        found.setdefault(one["check"], []).append((one["verdict"], one["text"]))
    assert code == int(any(verdict == "fault" for each in found.values() for verdict, _ in each))
    return found


async def test_running_broker_of_the_books_has_no_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(hardened(folder)):
        # the test's own line `user root`, where it runs as root, is the only difference that there may be
        found = await checked(folder, capsys)
    found.pop("mosquitto.conf")
    assert {verdict for each in found.values() for verdict, _ in each} == {"ok"}
    assert len(found["door"]) == 5
    assert found["access list"] == [("ok", "the running broker has loaded the list in the folder")]


async def test_change_of_the_book_is_told_until_the_broker_has_loaded_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = hardened(folder)
    async with running(own) as started:
        assert started.broker is not None
        before = mark_of((own.files.folder / "access").read_text())
        (folder / "ra-1.toml").write_text(AGGREGATOR.format('[{name = "ra-2", kind = "aggregator"}]'))
        found = await checked(folder, capsys)
        assert found["access"][0][0] == "fault"
        assert "lacks the line 'user ra-2'" in found["access"][0][1]
        assert call(["broker", "update", str(own.files.folder)]) == 0
        assert mark_of((own.files.folder / "access").read_text()) != before
        found = await checked(folder, capsys)
        assert found["access"] == [("ok", "is what the books say")]
        assert found["access list"][0][0] == "fault"
        assert "reload it" in found["access list"][0][1]
        os.kill(started.broker.pid, signal.SIGHUP)
        while found["access list"][0][0] == "fault":
            found = await checked(folder, capsys)


async def test_broker_that_lets_anybody_in_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = load_plan(folder / "mosquitto")
    text = configuration().replace(
        "listener 1883 127.0.0.1", f"listener {plan.port} {HOST}\nlistener {plan.password_port} {HOST}"
    )
    (folder / "open.conf").write_text(text)
    async with started_broker(folder / "open.conf", plan.port):
        found = await checked(folder, capsys)
    assert ("fault", f"anybody comes in without TLS at {HOST}:{plan.port}: start the broker from these files") in found[
        "door"
    ]


async def test_broker_that_does_not_run_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = await checked(folder, capsys)
    assert found["running"][0][0] == "fault"
    assert "nobody listens" in found["running"][0][1]


def let_in(own: Hardened, name: str) -> bool:
    try:
        Probe(Entrance(own.address(name)).next(), name).close()
    except LinkDenied:
        return False
    return True


async def test_enrolled_party_is_let_in_and_a_revoked_one_not_after_a_reload(folder: Path) -> None:
    own = hardened(folder)
    enrol = ["enrol", "hems-1", "--broker", str(own.files.folder), "--out", str(folder / "bundles" / "hems-1")]
    assert call(enrol) == 0
    async with running(own) as started:
        assert started.broker is not None
        assert await asyncio.to_thread(let_in, own, "hems-1")
        assert call(["ca", "revoke", str(folder / "ca"), "hems-1"]) == 0
        pid_file = folder / "pid"
        pid_file.write_text(str(started.broker.pid))
        assert call(["broker", "update", str(own.files.folder), "--pid-file", str(pid_file)]) == 0
        async with asyncio.timeout(10):
            while await asyncio.to_thread(let_in, own, "hems-1"):
                pass


async def test_doctor_asks_as_itself_and_never_as_the_party(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = hardened(folder)
    for name in ("ra-1", "doctor"):
        own.bundle(name)
    toml = (folder / "ra-1.toml").read_text() + (folder / "bundles/ra-1/broker.toml").read_text()
    (folder / "bundles/ra-1/ra-1.toml").write_text(toml)
    config = ["doctor", "--config", str(folder / "bundles/ra-1/ra-1.toml"), "--json"]
    async with running(own):
        capsys.readouterr()
        assert await asyncio.to_thread(call, config) == 0
        asked = {one["check"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
        assert asked["broker"]["verdict"] == "warning"
        assert "a connection as ra-1 could take its daemon's place" in asked["broker"]["text"]
        assert asked["certificates"]["verdict"] == "ok"
        doctor = ["--broker", str(folder / "bundles/doctor/broker.toml")]
        assert await asyncio.to_thread(call, [*config, *doctor]) == 0
        asked = {one["check"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert asked["queue"]["text"] == "keeps at least 1500 posts for an agent that does not keep up"
