"""Where a party begins: where its last process ended, or anew."""

from collections.abc import Iterable
from datetime import datetime

import structlog

from agents.runtime.hearing import Hearing
from agents.runtime.journal.journal import Journal, Mark
from agents.runtime.outgoing import Job
from agents.runtime.past import Past
from broker.clock import Clock
from broker.stepper import Stepper
from protocol.actor import Effect, Reanchored, Resumed, Setpoint

log = structlog.get_logger("gridpact")


class Beginning:
    """Of one party."""

    def __init__(self, stepper: Stepper, journal: Journal | None, past: Past, hearing: Hearing, clock: Clock) -> None:
        self._stepper, self._journal, self._past = stepper, journal, past
        self._hearing, self._clock = hearing, clock
        self._folded = False
        self._last_at: datetime | None = None
        """Of the last step that a fold took again."""

    def fold(self) -> datetime | None:
        """Take all steps of the journal again, once; the instant of the last one. Raises JournalError."""
        if not self._folded:
            self._last_at, self._folded = self._past.fold(), True
        return self._last_at

    def jobs(self) -> Iterable[Job]:
        """Where the last process ended: its memory, what may not have left, and what is to be said again."""
        past, stepper, now = self._past, self._stepper, self._clock.now()
        last_at = self.fold()
        if self._journal is not None and last_at is not None:
            name = stepper.actor.name
            log.info("journal_taken_over", party=name, text=past.taken_over)
            yield Job(redo=_to_be_done_again(self._journal, name, now))
            if last_at > now:  # the clock was ahead, and is right by now
                yield Job(past.store(stepper.take(Reanchored(now), last_at)))
            yield Job(past.store(stepper.take(Resumed(min(last_at, now), counts_waited=True), now, due=False)))
            self._hearing.begin()
        yield Job(past.store(stepper.begin(now)))


def _to_be_done_again(journal: Journal, name: str, now: datetime) -> list[tuple[str, Mark, Effect]]:
    """What may not have left, but set-points that are over."""
    redo: list[tuple[str, Mark, Effect]] = []
    for mark, effect in journal.undone(name):
        if isinstance(effect, Setpoint) and effect.until <= now:
            journal.sent(name, mark)
        else:
            redo.append((name, mark, effect))
    return redo
