"""The page of the state machines, drawn from the tables that the parties obey: `make machines`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from agents.parties.aggregator import actor as aggregator
from agents.parties.coordinator import actor as coordinator
from agents.parties.der import event as der
from agents.parties.utility import actor as utility

HEAD = """\
# The machines

The stages of one event at each party, drawn by `make machines` from the table `TRANSITIONS` of its file; a test compares.
A step that is not in its table is a fault of our own and ends the process. What makes an event go from one stage to the
next stands in [design.md](design.md), section 6.
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A party's table, and where it stands."""

    title: str
    file: str
    transitions: Mapping[Any, Sequence[StrEnum]]
    """By stage: those that may follow. The first one is where an event begins, the one called `closed` where it ends."""


MACHINES = (
    Machine("Utility", "agents/parties/utility/actor.py", utility.TRANSITIONS),
    Machine("Coordinator", "agents/parties/coordinator/actor.py", coordinator.TRANSITIONS),
    Machine("Aggregator", "agents/parties/aggregator/actor.py", aggregator.TRANSITIONS),
    Machine("DER", "agents/parties/der/event.py", der.TRANSITIONS),
)


def page() -> str:
    """All machines as Markdown with Mermaid diagrams."""
    return HEAD + "".join(_section(machine) for machine in MACHINES)


def _section(machine: Machine) -> str:
    rows = [f"| {stage} | {', '.join(following)} |" for stage, following in machine.transitions.items()]
    return "\n".join(
        [
            f"\n## {machine.title}\n",
            f"`{machine.file}`\n",
            "```mermaid",
            *diagram(machine.transitions),
            "```\n",
            "| stage | may be followed by |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def diagram(transitions: Mapping[Any, Sequence[StrEnum]]) -> list[str]:
    """The lines of a Mermaid state diagram."""
    steps = [f"    {stage} --> {follower}" for stage, following in transitions.items() for follower in following]
    return ["stateDiagram-v2", f"    [*] --> {next(iter(transitions))}", *steps, "    closed --> [*]"]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
