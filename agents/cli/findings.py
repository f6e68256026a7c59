"""Findings on a terminal, or for machines."""

import sys

from agents.runtime.daemon.findings import Finding, Verdict
from agents.runtime.exits import Exit
from protocol.codec import to_json
from protocol.units import printed


def tell(found: list[Finding], json: bool) -> int:
    """Show findings; whether there was a fault is the exit code."""
    if json:
        sys.stdout.buffer.write(to_json({"findings": [finding.as_json() for finding in found]}) + b"\n")
    else:
        for finding in found:
            print(f"{finding.verdict:<8} {finding.check}: {printed(finding.text)}")
    return Exit.NEGATIVE if any(finding.verdict is Verdict.FAULT for finding in found) else Exit.OK
