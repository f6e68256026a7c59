"""An independent checker: it reads journals alone, asks no actor, and says which promise (design.md section 7) broke.

P1 ledgers; P2, P5, P6, P8, P12 wire; P3, P4, P12 stages; P10 control. P7, P9, P11 and P13 show elsewhere: P7 and P11
as exceptions of a run (a fold that differs raises Diverged), P9 and P13 in tests/live and tests/chaos.
"""

from collections.abc import Sequence
from datetime import timedelta

from checker import control, ledgers, stages, wire
from protocol.actor import Entry


def violations(
    trace: Sequence[Entry], *, lossless: bool = False, foreign: bool = False, grace: timedelta = stages.GRACE
) -> list[str]:
    """Each broken promise in one sentence.

    `lossless`: the wire lost nothing, so whatever was committed must have been applied. `foreign`: others than the
    parties published as well, so not all that is heard stands in a sender's journal. `grace`: how late a stage may
    end (one second of the parties' time; more where their time is scaled).
    """
    found = ledgers.violations(trace) + stages.violations(trace, grace) + control.violations(trace)
    found += wire.said_by_nobody(trace) if not foreign else []
    found += wire.not_applied(trace) if lossless else []
    found += wire.alternatives_of_obliged(trace)
    return found + wire.foreign_edges(trace) + wire.one_id_two_bodies(trace) + wire.repeats_that_change(trace)
