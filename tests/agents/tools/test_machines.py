"""docs/machines.md is what the tables of the parties say, and all tables are in it."""

import re

import pytest
from paths import DOCS, ROOT

from agents.tools.machines import MACHINES, Machine, page


def test_page_of_the_machines_is_drawn_from_the_tables() -> None:
    assert (DOCS / "machines.md").read_text() == page(), "run `make machines`"


def test_every_table_of_the_parties_is_on_the_page() -> None:
    files = (ROOT / "agents").rglob("*.py")
    having = {
        str(file.relative_to(ROOT)) for file in files if re.search("^TRANSITIONS", file.read_text(), re.MULTILINE)
    }
    assert {machine.file for machine in MACHINES} == having


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.title)
def test_every_stage_of_a_table_can_be_reached_and_leads_to_the_end(machine: Machine) -> None:
    def behind(start: str) -> set[str]:
        found: set[str] = set()
        open_ = [start]
        while open_:
            for stage in machine.transitions[open_.pop()]:
                if stage not in found:
                    found.add(stage)
                    open_.append(stage)
        return found

    first = next(iter(machine.transitions))
    assert {first, *behind(first)} == set(machine.transitions)
    assert all("closed" in behind(stage) for stage in machine.transitions)
