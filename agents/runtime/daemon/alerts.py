"""What a daemon notices of its own losses (P13): each is a structured alert when it begins and a word when it is over.

Looked at every `PERIOD_S`, so an alert comes within ten seconds of its cause.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog

from agents.runtime.credentials import credential_alerts
from agents.runtime.inbox import INBOX
from agents.runtime.journal.journal import Journal
from agents.runtime.outgoing import AHEAD
from agents.runtime.shell import Shell
from broker.mqtt import MAX_OUTGOING, MqttBus
from protocol.actor import Note
from protocol.errors import RejectReason

PERIOD_S = 2.0
STUCK_S = 5.0
"""An outbox whose oldest post waits longer than this ages."""
FULL_PCT = 80
OFTEN = 20
"""So many refusals of one sender are worth an alert, and so many more another one."""
TOLD_FOR_S = 60.0
"""How long a loss that has happened (a gap, a drop) stays an alert."""

log = structlog.get_logger("gridpact.alerts")


class Alerts:
    """The alerts of one process: name -> what it says in words."""

    def __init__(self, shells: Mapping[str, Shell], buses: Mapping[str, MqttBus], journal: Journal | None) -> None:
        self.active: dict[str, str] = {}
        self._shells, self._buses, self._journal = shells, buses, journal
        self._seen: dict[str, int] = {}
        self._until: dict[str, tuple[float, str]] = {}

    async def run(self, each: Callable[[], None] = lambda: None) -> None:
        """Until cancelled; `each` is called after every look."""
        while True:
            self.look()
            each()
            await asyncio.sleep(PERIOD_S)

    def look(self) -> None:
        """Compare what is with what was, and tell the difference."""
        found = dict(self._found())
        for name, text in found.items():
            if name not in self.active:
                log.warning("alert", alert=name, text=text)
        for name in self.active.keys() - found.keys():
            log.info("alert_over", alert=name)
        self.active = found

    def _found(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        journal = self._journal
        if journal is not None and journal.figures.failing_since is not None:
            error = journal.figures.last_error
            found["journal_failing"] = f"{journal.path}: {error}: nothing is acknowledged or published until it works"
        stuck = {name: bus.stuck_s for name, bus in self._buses.items() if bus.stuck_s > STUCK_S}
        if stuck:
            name = max(stuck, key=lambda name: stuck[name])
            found["outbox_ageing"] = f"{name}: nothing was taken by the broker for {stuck[name]:.0f} s"
        self._full(found)
        found |= self._quarantines()
        self._losses(found)
        found |= credential_alerts(self._buses, datetime.now(UTC))
        off = {peer: lag for shell in self._shells.values() for peer, lag in shell.intake.skew.found().items()}
        if off:
            peer, lag = next(iter(off.items()))
            found["peer_skew"] = f"{peer}: its clock is {abs(lag):.0f} s {'behind' if lag > 0 else 'ahead of'} ours"
        return found

    def note(self, who: str, note: Note) -> None:
        """What a note tells of a lost memory stands as an alert for a while."""
        match note.name:
            case "peer_lost_memory":
                text = f"{note.data['peer']} does not know what it had agreed to in {note.event_id}: its journal may be lost"
            case "own_memory_lost":
                text = (
                    f"{note.data['peer']} knows more of {note.event_id} than this journal: it is new, or an older copy"
                )
            case "message_refused" if note.data.get("reason") == RejectReason.UNKNOWN_EVENT:
                text = f"a peer speaks of {note.event_id} on {note.data['edge']}, which this journal does not know: is it the one that was written last?"
            case "message_refused" if (
                note.data.get("kind") == "report" and note.data["reason"] == RejectReason.UNKNOWN_AWARD
            ):
                text = f"a report of {note.event_id} on {note.data['edge']} is of an award that this journal does not know: is it an older copy?"
            case _:
                return
        self._until["memory_lost"] = (time.monotonic() + TOLD_FOR_S, f"{who}: {text}")

    def _quarantines(self) -> dict[str, str]:
        """Who is not heard any more, and who is refused often."""
        found: dict[str, str] = {}
        for name, shell in self._shells.items():
            if shell.intake.senders is None:
                continue
            if shut := shell.intake.senders.quarantined:
                sender, account = next(iter(shut.items()))
                more = f", and {len(shut) - 1} more" if len(shut) > 1 else ""
                found["quarantine"] = (
                    f"{name} does not hear {sender} ({account.why}){more}: 'gridpact quarantine' tells all"
                )
            for sender, account in shell.intake.senders.accounts.items():
                self._refusals(name, sender, account.refused)
        return found

    def _refusals(self, name: str, sender: str, refused: Counter[str]) -> None:
        """Tell when somebody is refused again and again; single refusals stand in the log."""
        key, total = f"refused/{name}/{sender}", refused.total()
        if total - self._seen.get(key, 0) >= OFTEN:
            self._seen[key] = total
            reasons = ", ".join(f"{reason} {count}" for reason, count in refused.most_common(3))
            self.happened("refusals", f"{name} has refused {total} messages of {sender} ({reasons})")

    def happened(self, alert: str, text: str) -> None:
        """Something that has happened stands as an alert for a while."""
        self._until[alert] = (time.monotonic() + TOLD_FOR_S, text)

    def _full(self, found: dict[str, str]) -> None:
        for name, shell in self._shells.items():
            for queue, depth, most in (("inbox", shell.inbox, INBOX), ("not_done", shell.outgoing.waiting, AHEAD)):
                if depth * 100 >= most * FULL_PCT:
                    found["queue_full"] = f"{name}: {depth} of at most {most} in its queue {queue}"
        for name, bus in self._buses.items():
            if bus.waiting * 100 >= MAX_OUTGOING * FULL_PCT:
                found["queue_full"] = f"{name}: {bus.waiting} posts wait for the broker, at most {MAX_OUTGOING}"

    def _losses(self, found: dict[str, str]) -> None:
        """Counts that went up since the last look."""
        for name, shell in self._shells.items():
            self._count(
                "own_fault", name, shell.net.caught, "messages could not be taken: see the log lines step_failed"
            )
        for name, bus in self._buses.items():
            self._count("sequence_gap", name, bus.gaps.lost, f"messages were lost on {bus.gaps.last_topic}")
            if bus.dropped_by_broker is not None:
                self._count("broker_dropped", name, bus.dropped_by_broker, "messages were dropped by the broker")
        now = time.monotonic()
        for alert, (until, text) in list(self._until.items()):
            if until > now:
                found[alert] = text
            else:
                del self._until[alert]

    def _count(self, alert: str, name: str, count: int, text: str) -> None:
        first = count if alert == "broker_dropped" else 0
        more = count - self._seen.get(f"{alert}/{name}", first)
        self._seen[f"{alert}/{name}"] = count
        if more > 0:
            self._until[alert] = (time.monotonic() + TOLD_FOR_S, f"{name}: {more} {text}")
