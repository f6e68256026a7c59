"""What each child may cost its parent: a budget of messages and one of refusals, and quarantine for who is beyond them.

A budget is a bucket of tokens that fills up steadily. Whoever empties one is not heard any more, before anything is
read of what it says, until an operator releases it (`gridpact quarantine --release`): that costs its parent next to
nothing, and nobody else waits for it. To the parent it is silent, and silence it can deal with. All senders that stand
in no book share one budget.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from agents.negotiation.party import Party
from agents.runtime.quarantines import Quarantines
from protocol.actor import Actor, Entry, Received, Send
from protocol.messages import Reject

BURST, A_SECOND = 1_000.0, 5.0
"""Messages: as many as wait when this side was down for a day; then as many as no honest child ever says for long."""
BYTES_A_TOKEN = 2_048
"""A long message costs as many more."""
REFUSED_BURST, REFUSED_A_SECOND = 200.0, 0.5
"""Refusals: each is answered and journalled, some 2 kB."""
MOST_KEPT = 5_000
STRANGERS = "(strangers)"
"""All who stand in no book."""
NONE_REFUSED: Counter[str] = Counter()
"""One for a whole crowd, never counted in: a counter each takes as much as the rest of an account."""

log = structlog.get_logger("gridpact.senders")


@dataclass(slots=True)
class SenderAccount:
    """What one sender has cost, and may still cost."""

    tokens: float = BURST
    refusals_left: float = REFUSED_BURST
    filled_at: float = 0.0
    messages: int = 0
    unheard: int = 0
    refused: Counter[str] = field(default_factory=lambda: NONE_REFUSED)
    """By reason."""
    since: datetime | None = None
    """In quarantine since; None: it is not."""
    why: str = ""
    told: bool = False
    """Whether it has heard that it is."""

    def as_json(self) -> dict[str, object]:
        return {
            "messages": self.messages,
            "unheard": self.unheard,
            "refused": dict(self.refused),
            "quarantined_since": self.since,
            "why": self.why,
        }


class Senders:
    """The accounts of all children of one party. `known` says who is one, by its book as it is now. `speed` is how much
    faster than real time it lives: its children say as much more. `kept`: where quarantines outlive the process."""

    def __init__(
        self,
        party: str,
        known: Callable[[str], bool],
        speed: float = 1.0,
        elapsed: Callable[[], float] = time.monotonic,
        kept: Quarantines | None = None,
    ) -> None:
        self.party = party
        self._known, self._elapsed, self._kept = known, elapsed, kept
        self.accounts = {
            name: SenderAccount(filled_at=elapsed(), since=one.since, why=one.why, told=True)
            for name, one in (kept.kept() if kept is not None else {}).items()
        }
        self._speed = max(1.0, speed)
        self._most = MOST_KEPT

    def heard(self, child: str, size: int) -> str | None:
        """Charge a message of so many bytes. None: take it; empty: pass over it in silence; else why it is refused, once."""
        account = self._account(child)
        if account.since is None:
            self._fill(account)
            account.messages += 1
            account.tokens -= 1 + size // BYTES_A_TOKEN
            if account.tokens >= 0:
                return None
            self._shut(child, account, f"more than {A_SECOND:.0f} messages a second")
        if account.told:
            account.unheard += 1
            return ""
        account.told = True
        return f"in quarantine: {account.why}"

    def charge(self, steps: Iterable[Entry]) -> None:
        """Charge the messages of children that these steps have refused; bytes that were none are charged when they come."""
        for step in steps:
            if isinstance(step.input, Received):
                for effect in step.effects:
                    if (
                        isinstance(effect, Send)
                        and isinstance(effect.message, Reject)
                        and effect.edge.parent == self.party
                    ):
                        self.refuse(effect.edge.child, effect.message.reason)

    def refuse(self, child: str, reason: str) -> None:
        """Charge a message that was refused."""
        account = self._account(child)
        self._fill(account)
        account.refused = account.refused + Counter((reason,))
        account.refusals_left -= 1
        if account.refusals_left < 0 and account.since is None:
            self._shut(child, account, f"refused more than {account.refused.total() - 1} times, last as {reason}")

    def release(self, child: str) -> bool:
        """Hear a sender again, with full budgets; whether it was in quarantine."""
        account = self.accounts.get(child)
        if account is None or account.since is None:
            return False
        self.accounts[child] = SenderAccount(
            messages=account.messages, unheard=account.unheard, refused=account.refused, filled_at=self._elapsed()
        )
        if self._kept is not None:
            self._kept.end(child)
        log.info("sender_released", party=self.party, sender=child)
        return True

    @property
    def quarantined(self) -> dict[str, SenderAccount]:
        """Who is not heard."""
        return {name: one for name, one in self.accounts.items() if one.since is not None}

    def told(self) -> list[dict[str, object]]:
        """Who is in quarantine or was refused something, for an operator."""
        worth = {name: one for name, one in self.accounts.items() if one.refused or one.since is not None}
        return [{"party": self.party, "sender": name, **one.as_json()} for name, one in worth.items()]

    def _account(self, child: str) -> SenderAccount:
        name = self._name(child)
        found = self.accounts.get(name)
        if found is None:
            if len(self.accounts) >= self._most:
                self._forget()
            found = self.accounts[name] = SenderAccount(filled_at=self._elapsed())
        return found

    def _forget(self) -> None:
        """Of a crowd only those are kept whose budgets are not full again, or who were refused something."""
        now = self._elapsed()
        for name, one in list(self.accounts.items()):
            full = one.tokens + (now - one.filled_at) * self._speed * A_SECOND >= BURST
            if full and not one.refused and one.since is None:
                del self.accounts[name]
        self._most = max(MOST_KEPT, 2 * len(self.accounts))

    def _name(self, child: str) -> str:
        return child if self._known(child) else STRANGERS

    def _fill(self, account: SenderAccount) -> None:
        now = self._elapsed()
        past_s, account.filled_at = (now - account.filled_at) * self._speed, now
        account.tokens = min(BURST, account.tokens + past_s * A_SECOND)
        account.refusals_left = min(REFUSED_BURST, account.refusals_left + past_s * REFUSED_A_SECOND)

    def _shut(self, child: str, account: SenderAccount, why: str) -> None:
        account.since, account.why = datetime.now(UTC), why
        sender = self._name(child)
        if self._kept is not None:
            self._kept.begin(sender, account.since, why)
        log.warning(
            "sender_quarantined", party=self.party, sender=sender, why=why,
            text=f"{sender} is not heard any more ({why}) until 'gridpact quarantine --release {sender}'",
        )  # fmt: skip


def is_child(actor: Actor, name: str) -> bool:
    """Whether somebody may speak to a party from below, by its book as it is now."""
    return isinstance(actor, Party) and actor.has_child(name)
