"""What a fleet tells of itself."""

from pathlib import Path

from worlds import vehicle

from agents.cli.fleet import in_words
from agents.runtime.fleet.process import Fleet
from agents.runtime.fleet.sources import HomesSource
from agents.settings.parties import DerSettings
from broker.address import Address


def test_trouble_with_its_credentials_is_told_with_how_it_stands() -> None:
    home = DerSettings(name="h-1", parent="ra-1", devices=(vehicle("ev-1"),))
    fleet = Fleet(HomesSource("fleet", (home,)), Address(certificate=Path("{name}.crt")))
    assert fleet.told().trouble == ""
    (line,) = fleet.lines
    assert line.bus.address.certificate == Path("fleet.crt")
    line.bus.entrance.trouble = "new credentials are refused"
    assert in_words(fleet.told()).endswith("; TROUBLE: fleet: new credentials are refused")
