"""What one party's journal knows of it: taken again at a start, stored as a snapshot now and then, and what the party is
again where a step has failed half way."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from agents.drivers.remote import RemoteDevice
from agents.runtime.journal.journal import Journal, JournalError, StoredStep
from agents.runtime.journal.rows import unreadable
from agents.runtime.journal.segments import PartyState
from agents.runtime.snapshot import EVERY, Snapshot, maker, pack, unpack
from broker.stepper import Diverged, Stepper, is_durable, no_collection
from protocol.actor import Actor, Effect, Entry, Follower, Measure, Measured, Question, Taken
from protocol.entries import decode_input
from protocol.errors import RefusedMessage
from protocol.remembered import UnknownState

OTHER_RULES = "run the gridpact that wrote it and stop it cleanly, so that this one takes over what it knows then, or move the file away"
"""What to do where this version would have decided otherwise."""
UNREADABLE = "put a copy of the file in its place, run the gridpact that wrote it, or move the file away"
"""What to do where entries are none that this version knows."""


class Past:
    """Of one party. `questions` are those to its resident that are open, `remote` its real devices."""

    def __init__(
        self,
        stepper: Stepper,
        journal: Journal | None,
        remote: Mapping[str, RemoteDevice],
        questions: dict[str, Question],
        now: datetime,
    ) -> None:
        self.snapshot_every = EVERY
        self.since_snapshot = 0
        """Entries that no snapshot knows."""
        self.unanswered: dict[tuple[str, str, int], Measure] = {}
        """What real devices of an earlier life were asked, and have not answered."""
        self.taken_over = ""
        """What a start began with, in words."""
        self.failed = False
        """A step has failed half way: what the actor knows is not to be kept."""
        self._stepper, self._journal, self._remote, self._questions = stepper, journal, remote, questions
        self._last_stored = (0, now)

    @property
    def snapshot_due(self) -> bool:
        return self.since_snapshot >= self.snapshot_every

    def store(self, entries: Iterable[Entry]) -> list[tuple[int, Entry]]:
        """Hand what belongs into the journal over to it; all entries with their numbers there (0: not kept)."""
        journal = self._journal
        if journal is None:
            return [(0, entry) for entry in entries]
        stored: list[tuple[int, Entry]] = []
        for entry in entries:
            number = 0
            if is_durable(entry):
                number = journal.append(entry)
                self.since_snapshot += 1
                self._last_stored = number, entry.at
            stored.append((number, entry))
        return stored

    # -- the fold

    def fold(self) -> datetime | None:
        """Take all steps of the journal again; the instant of the last one. Raises JournalError."""
        with no_collection():
            return self._fold_all()

    def _fold_all(self) -> datetime | None:
        journal = self._journal
        if journal is None:
            return None
        after, last_at = self._from_snapshot(journal)
        for stored in journal.entries(self._stepper.actor.name, after):
            self.since_snapshot += 1
            self._last_stored = stored.seq, stored.at
            effects, last_at = self._take_again(journal, stored, devices_too=True), stored.at
            self._questions.update({q.event_id: q for q in effects if isinstance(q, Question)})
            if self._remote:
                self._note_unanswered(decode_input(stored.input), effects)
        if last_at is not None:
            state = f"its state after entry {after} and " if after else ""
            self.taken_over = f"takes over {state}{self.since_snapshot} entries, the last of {last_at.isoformat()}"
        return last_at

    def _take_again(self, journal: Journal, stored: StoredStep, *, devices_too: bool) -> list[Effect]:
        """One step of the journal. Raises JournalError."""
        try:
            return self._stepper.fold_bytes(
                stored.at, decode_input(stored.input), stored.effects, devices_too=devices_too
            )
        except (Diverged, RefusedMessage) as error:
            path = journal.path
            text = f"{path}: entry {stored.seq} cannot be taken again: {error}: {OTHER_RULES}"
            raise JournalError(text) from None
        except Exception:
            if (why := unreadable(stored)) is None:
                raise
            raise JournalError(f"{journal.path}: {why}: {UNREADABLE}") from None

    def _note_unanswered(self, item: Taken | None, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Measure) and effect.resource_id in self._remote:
                self.unanswered[effect.resource_id, effect.event_id, effect.slot] = effect
        if isinstance(item, Measured) and item.event_id is not None and item.slot is not None:
            self.unanswered.pop((item.resource_id, item.event_id, item.slot), None)

    async def restore(self, fresh: Actor) -> None:
        """A step has failed half way: the actor is again what its journal knows. Raises JournalError."""
        journal = self._journal
        assert journal is not None
        self._stepper.actor = fresh
        await journal.all_durable()
        number, _ = self._snapshot(journal, {})  # the devices have lived through it
        with no_collection():
            for stored in journal.entries(fresh.name, number):
                self._take_again(journal, stored, devices_too=False)
        self.failed = False

    # -- snapshots

    def _from_snapshot(self, journal: Journal) -> tuple[int, datetime | None]:
        """Begin with what the newest snapshot knows; the number and the instant of its last entry."""
        number, snapshot = self._snapshot(journal, {**self._stepper.drivers, **self._remote})
        if snapshot is None:
            return 0, None
        self._questions.update({question.event_id: question for question in snapshot.questions})
        self._last_stored = number, snapshot.at
        return number, snapshot.at

    def _snapshot(self, journal: Journal, drivers: Mapping[str, Follower]) -> tuple[int, Snapshot | None]:
        """Let the fresh actor, and these devices, remember the newest one, else what the journal begins with; the number
        of its last entry. Raises JournalError where its entries begin in the middle and neither can be read."""
        actor, made_for, why = self._stepper.actor, maker(journal.settings), "it is of other settings"
        found = journal.snapshot(actor.name, made_for) if journal.has_snapshots else None
        begins = journal.begins_with(actor.name)
        stored = [] if found is None else [found]
        if begins is not None and begins.maker == made_for:
            stored.append((begins.number, begins.body))
        for number, body in stored:
            try:
                return number, unpack(body, actor, drivers)
            except UnknownState as error:
                why = str(error)  # of a later version: perhaps its entries can be taken again
        if begins is not None:
            text = (
                f"{journal.path}: begins with what {actor.name} knew before its first entry, which this gridpact cannot "
                f"take over ({why}): {OTHER_RULES}"
            )
            raise JournalError(text)
        return 0, None

    def keep(self) -> None:
        """Store what the party knows now, so that a start need not take all entries again: of a later version not at
        all. At a clean stop, and now and then."""
        journal = self._journal
        if journal is None or not self.since_snapshot or self.failed:
            return
        state = self.state(journal)
        self.since_snapshot = 0
        journal.keep_snapshot(*state)

    def state(self, journal: Journal) -> PartyState:
        """What the party knows now."""
        number, at = self._last_stored
        actor = self._stepper.actor
        body = pack(at, actor, {**self._stepper.drivers, **self._remote}, self._questions)
        return PartyState(actor.name, number, maker(journal.settings), body)
