"""The generated files of docs/protocol: schemas, the AsyncAPI document, the page of all fields, the device's machine, the
rules that `gridpact conform` looks at. `gridpact schema --into docs/protocol`; a test compares."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.parties.der.event import TRANSITIONS
from agents.tools.conform.rules_page import rules_page
from agents.tools.machines import diagram
from protocol.fields_page import fields_page
from protocol.messages import VERSION, Side
from protocol.schema import DIALECT, asyncapi, json_schemas

MACHINE = """# The device's machine

An event at a device, drawn by `gridpact schema --into` from the table that gridpact's own home obeys. A device of yours need
not be built so; seen from outside it has to be. What leads from one stage to the next stands below.
"""
STEPS = """
| from | to | when |
|---|---|---|
|  | considering | a request comes: of an event that is new, of a later round, or of a higher revision |
| considering | offered | it can give something and its owner takes part: it sends an offer that opts in |
| considering | opted_out | it cannot or may not: it sends an offer that opts out |
| considering | closed | `reply_by` is past: it refuses the request (`expired`) |
| offered | considering | a later round, or a changed event: it answers anew |
| offered | opted_out | its owner changes their mind: it sends an offer that opts out |
| offered | awarded | an award accepts an offer of its own, at most what was offered: it confirms |
| offered | closed | `not_needed`, `no_deal` or `cancelled`: it confirms and is free; or `valid_until` has passed |
| opted_out | offered | its owner changes their mind before `decide_by`: it sends an offer with a higher `revision` |
| opted_out | considering | it is asked anew |
| opted_out | closed | an award says that the event is over for it: it confirms |
| awarded | active | a dispatch for one of its slots comes: it follows it in that slot, and reports the slot when it is over |
| awarded, active | closed | the last slot is reported; or the award is cancelled: it confirms and goes back to its own schedule; or it withdraws |
| any | considering | a higher revision of the request: what was offered or awarded before is void, or kept as long as nobody has decided on the change |

What was awarded before a higher revision may be kept where that asks the same slots: where nothing comes of the change the
parent may say that award again, with its next `revision`. Who has kept it confirms it, who has dropped it refuses.

An award of no offer that stands, or of more than was offered, changes no stage: it is confirmed with `accepted: false`.
"""


def contract_files() -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    yield "asyncapi.json", _json(asyncapi(Side.CHILD))
    for kind, schema in json_schemas().items():
        yield f"schemas/{kind}.json", _json({"$schema": DIALECT, "$id": f"urn:gridpact:{VERSION}:{kind}"} | schema)
    yield "fields.md", fields_page()
    yield "machine.md", "\n".join([MACHINE, "```mermaid", *diagram(TRANSITIONS), "```", STEPS])
    yield "rules.md", rules_page()


def write_contract(folder: Path) -> None:
    """Write them. Raises OSError."""
    for name, text in contract_files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
