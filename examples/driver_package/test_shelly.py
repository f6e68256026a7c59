"""`pytest` in this directory, once the package is installed: the plug is played by a small HTTP server."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from gridpact_shelly import ShellyOptions, ShellyPlugs

from agents.drivers.contract import DeviceTrouble


@pytest.fixture
def plug():
    class Plug(BaseHTTPRequestHandler):
        output, said = True, []

        def do_GET(self):
            url = urlsplit(self.path)
            given = {key: values[0] for key, values in parse_qs(url.query).items()}
            if url.path == "/rpc/Switch.Set":
                Plug.said.append(given)
                Plug.output = given["on"] == "true"
            status = {"output": Plug.output, "apower": 1990.4 if Plug.output else 0.0, "aenergy": {"total": 1234.5}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(status).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Plug)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Plug, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


async def test_plug_is_read_follows_and_is_left_as_it_was_found(plug):
    played, address = plug
    driver = ShellyPlugs({"boiler": ShellyOptions(address=address, rated_w=2000)})
    reading = await driver.read("boiler")
    assert (reading.power_w, reading.register_wh, reading.fault) == (1990, 1234.5, "")
    await driver.release("boiler")
    assert played.said == []
    await driver.set_power("boiler", 0, datetime.now(UTC) + timedelta(seconds=90))
    assert played.said == [{"id": "0", "on": "false", "toggle_after": "90"}]
    await driver.set_power("boiler", 2000, datetime.now(UTC) + timedelta(seconds=90))
    await driver.release("boiler")
    assert played.said[1:] == [{"id": "0", "on": "true"}] * 2


async def test_plug_that_is_not_there_is_told_in_one_sentence():
    driver = ShellyPlugs({"boiler": ShellyOptions(address="127.0.0.1:1", rated_w=2000)})
    with pytest.raises(DeviceTrouble, match=r"the plug at 127\.0\.0\.1:1 does not answer"):
        await driver.read("boiler")
