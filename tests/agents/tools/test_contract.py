"""docs/protocol is what the models, the device's machine and the rules say, and its prose agrees with them."""

import re

from paths import DOCS

from agents.parties.der.event import TRANSITIONS, DerStage
from agents.tools.contract import STEPS, contract_files
from protocol.edges import ROUTES
from protocol.errors import RejectReason

FOLDER = DOCS / "protocol"


def test_contract_is_what_the_models_say() -> None:
    written = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*") if path.is_file()}
    assert written.pop("README.md")
    assert written == dict(contract_files()), "run `gridpact schema --into docs/protocol`"


def test_every_step_of_the_devices_machine_is_told_and_no_other() -> None:
    rows = re.findall(r"^\| (.*?) \| (\w+) \| ", STEPS, re.MULTILINE)[1:]
    told = set()
    for froms, to in rows:
        stages = list(DerStage) if froms == "any" else [DerStage(one) for one in froms.split(", ") if one.strip()]
        told |= {(stage, DerStage(to)) for stage in stages}
    steps = {(stage, to) for stage, following in TRANSITIONS.items() for to in following}
    assert steps <= told
    assert told - steps <= {(DerStage.CONSIDERING, DerStage.CONSIDERING)}


def test_prose_tells_of_every_kind() -> None:
    page = (FOLDER / "README.md").read_text()
    assert {kind for kind in ROUTES if f"`{kind}`" not in page} == set()


def test_every_reason_and_value_is_explained() -> None:
    page = (FOLDER / "fields.md").read_text()
    assert {reason for reason in RejectReason if f"| `{reason.value}` | " not in page} == set()
    assert re.findall(r"^\|.*\|\s*\|$", page, re.MULTILINE) == []
