"""A daemon that cannot take over what its journal knows never says that it is ready."""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import paths
from worlds import World

from agents.runtime.files.toml_out import to_toml
from agents.runtime.journal.file import write_journal
from agents.settings.daemon import BrokerSettings, ControlSettings, DaemonConfig, JournalSettings, PartiesConfig
from broker.mosquitto import Broker


async def test_daemon_whose_journal_is_damaged_ends_with_a_sentence_and_is_never_ready(
    tmp_path: Path, broker: Broker
) -> None:
    world, path = World(), tmp_path / "ra-1.journal"
    world.simple("ra-1", 2)
    world.event(6_000)
    trace = [entry for entry in world.run().simulation.trace if entry.actor == "ra-1"]
    await write_journal(path, trace, PartiesConfig(aggregator=world.aggregators[0]))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        ((first, body),) = connection.execute("SELECT first, body FROM steps").fetchall()[:1]
        damaged = bytes(body).replace(b'{"input":', b'{"input"\x00')
        assert damaged != body
        connection.execute("UPDATE steps SET body = ? WHERE first = ?", (damaged, first))
    config = DaemonConfig(
        broker=BrokerSettings(port=broker.port),
        control=ControlSettings(dir=tmp_path / "run"),
        journal=JournalSettings(path=path),
        aggregator=world.aggregators[0],
    )
    file = tmp_path / "ra-1.toml"
    file.write_text(to_toml(config.model_dump(mode="json", exclude_none=True)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "agents.cli", "run", "aggregator", "--config", str(file)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(paths.ROOT)},
    )
    out, _ = await process.communicate()
    assert process.returncode == 5
    assert b'"event":"journal_unusable"' in out
    assert b'"event":"ready"' not in out
