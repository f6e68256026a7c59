"""The example package of a driver, built and installed as a stranger does it: named in a home's file, run by a daemon."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packages import install, program
from paths import EXAMPLES, ROOT

from agents.runtime.daemon.client import ask
from broker.mosquitto import private_broker

HOME = """
[broker]
port = {port}
[control]
dir = "{folder}/control"
[journal]
path = "{folder}/h.journal"
[[ders]]
name = "h"
parent = "ra"
[[ders.devices]]
kind = "load"
resource_id = "boiler"
rated_w = 2000
schedule_w = 2000
store_wh = 6000
level_wh = 3000
state_at = 2026-01-14T17:00:00Z
driver = "shelly"
options = {{ address = "{address}", rated_w = 2000 }}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install("driver_package", tmp_path_factory.mktemp("package"))


@pytest.fixture
def plug() -> Iterator[str]:
    """The address of a plug that draws 1990 W."""

    class Plug(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"output": True, "apower": 1990, "aenergy": {"total": 1.0}}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Plug)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.live
async def test_daemon_reads_the_plug_by_the_installed_driver(site: Path, plug: str, tmp_path: Path) -> None:
    file = tmp_path / "h.toml"
    async with private_broker() as broker, asyncio.timeout(60):
        file.write_text(HOME.format(port=broker.port, folder=tmp_path, address=plug))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.cli", "run", "der", "--config", str(file)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}"},
        )
        assert process.stdout is not None
        lines = []
        while not lines or lines[-1]["event"] != "ready":
            lines.append(json.loads(await process.stdout.readline()))
        boiler = {"heard_at": None}
        while boiler["heard_at"] is None:
            status = await ask(tmp_path / "control" / "h.sock", {"do": "status"})
            boiler = status["parties"][0]["devices"]["boiler"] if status.get("parties") else boiler
        process.terminate()
        rest = await process.stdout.read()
        assert await process.wait() == 0
    assert (boiler["driver"], boiler["fault"], boiler["trouble"]) == ("shelly", None, "")
    assert b"devices_simulated" not in rest


def test_home_whose_driver_is_not_installed_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "h.toml"
    file.write_text(HOME.format(port=1, folder=tmp_path, address="x"))
    done = program("agents.cli", "run", "der", "--config", file)
    text = f"{file}: h: boiler.driver: no driver shelly is installed; there are simulated, mqtt, ocpp, echonet"
    assert (done.returncode, done.stderr) == (2, f"gridpact: {text}\n")


def test_tests_of_the_package_pass(site: Path) -> None:
    done = program("pytest", "-q", "-p", "no:cacheprovider", site=site, cwd=EXAMPLES / "driver_package")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
