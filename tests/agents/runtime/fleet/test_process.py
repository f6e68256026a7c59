"""What a fleet tells of itself."""

from pathlib import Path

import pytest
from memory_bus import MemoryBus
from worlds import vehicle

from agents.cli.fleet import in_words
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.keeping import FleetJournal
from agents.runtime.fleet.process import Fleet
from agents.runtime.fleet.sources import HomesSource
from agents.runtime.journal.files import archive_of
from agents.settings.daemon import JournalSettings
from agents.settings.parties import DerSettings
from broker.address import Address
from broker.mosquitto import BrokerFailed, free_port


def test_trouble_with_its_credentials_is_told_with_how_it_stands() -> None:
    home = DerSettings(name="h-1", parent="ra-1", devices=(vehicle("ev-1"),))
    fleet = Fleet(HomesSource("fleet", (home,)), Address(certificate=Path("{name}.crt")))
    assert fleet.told().trouble == ""
    (line,) = fleet.lines
    assert line.bus.address.certificate == Path("fleet.crt")
    line.bus.entrance.trouble = "new credentials are refused"
    assert in_words(fleet.told()).endswith("; TROUBLE: fleet: new credentials are refused")


async def test_archive_of_a_fleet_goes_after_the_days_that_its_file_says(tmp_path: Path) -> None:
    home, path = DerSettings(name="h-1", parent="ra-1", devices=(vehicle("ev-1"),)), tmp_path / "fleet.journal"
    source = HomesSource("fleet", (home,), journal=JournalSettings(archives_for_days=3))
    fleet, journal = Fleet(source, Address(), journal=path), FleetJournal(path)
    journal.start()
    archive_of(path).mkdir()
    old, new = (archive_of(path) / f"{year}0101T000000-1.sqlite" for year in (2020, 2190))
    old.touch()
    new.touch()
    await fleet._rest(Gateway(fleet.homes, {"h-1": MemoryBus()}, fleet.clock, journal))
    await journal.close()
    assert list(archive_of(path).iterdir()) == [new]


async def test_fleet_that_never_reached_its_broker_says_so_and_why() -> None:
    home = DerSettings(name="h-1", parent="ra-1", devices=(vehicle("ev-1"),))
    port = free_port()
    fleet = Fleet(HomesSource("fleet", (home,)), Address(port=port), control=None)
    with pytest.raises(BrokerFailed, match=f"^the broker at 127.0.0.1:{port} was not reached: .*refused"):
        await fleet.run(seconds=1.5)
