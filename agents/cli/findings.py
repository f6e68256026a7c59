"""Findings on a terminal, or for machines."""

import sys
from typing import TYPE_CHECKING

from agents.runtime.exits import Exit
from protocol.to_json import to_json

if TYPE_CHECKING:
    from agents.runtime.daemon.findings import Finding


def tell(found: "list[Finding]", json: bool) -> int:
    """Show findings; whether there was a fault is the exit code."""
    from agents.runtime.daemon.findings import Verdict
    from protocol.units import printed

    if json:
        sys.stdout.buffer.write(to_json({"findings": [finding.as_json() for finding in found]}) + b"\n")
    else:
        for finding in found:
            print(f"{finding.verdict:<8} {finding.check}: {printed(finding.text)}")
    return Exit.NEGATIVE if any(finding.verdict is Verdict.FAULT for finding in found) else Exit.OK
