"""The shipped unit and those that `gridpact init` writes stop where starting again would not help."""

import re
from pathlib import Path

import paths

SHIPPED = paths.ROOT / "deploy" / "gridpact@.service"
WRITTEN = Path(paths.ROOT, "agents", "tools", "setup", "units.py")


def test_units_are_not_started_again_after_the_exit_codes_that_the_page_names() -> None:
    page = (paths.DOCS / "operations.md").read_text()
    sentence = re.search(r"restart on every other\s+code than 0, (\d+) and (\d+)\.", page)
    assert sentence is not None
    wanted = list(sentence.groups())
    for unit in (SHIPPED, WRITTEN):
        (codes,) = re.findall(r"RestartPreventExitStatus=([\d ]+)", unit.read_text())
        assert codes.split() == wanted, unit
