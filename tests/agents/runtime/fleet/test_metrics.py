"""A fleet's file may have `[metrics]`: what it serves, and a port that is taken."""

import socket
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from one_vehicle import HOME
from worlds import vehicle

from agents.runtime.fleet.process import Fleet
from agents.runtime.fleet.sources import load_source
from agents.settings.checked import ConfigError
from broker.address import Address
from broker.mosquitto import free_port


def fleet(tmp_path: Path, port: int) -> Fleet:
    (tmp_path / "homes.toml").write_text(f"[metrics]\nport = {port}\n{HOME}")
    at = vehicle("ev").state_at
    return Fleet(load_source(tmp_path / "homes.toml", at), Address())


def test_figures_of_all_homes_stand_under_the_name_of_the_fleet(tmp_path: Path) -> None:
    port = free_port()
    made = fleet(tmp_path, port)
    made._metrics.serve()
    try:
        made._measure(made.told())
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
    finally:
        made._metrics.close()
    assert 'gridpact_homes{party="fleet-homes",state="all"} 1.0' in text
    assert 'gridpact_queue_depth{party="fleet-homes",queue="broker"} 0.0' in text
    assert "gridpact_sequence_gaps_total 0.0" in text


async def test_port_that_is_taken_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^metrics.port: {number} at 127.0.0.1 cannot be had"):
            await fleet(tmp_path, number).run()
