"""Questions pushed to a household: each once, by each way, outside of the quiet hours; what fails is tried again."""

import asyncio
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from agents.pages.home.mail import MailSettings, send
from protocol.codec import to_json

PUSH_WITHIN_S = 10.0
AGAIN_S = 30.0
log = structlog.get_logger("gridpact.home")


@dataclass(frozen=True, slots=True)
class PushedQuestion:
    """What is told. `about` is for machines."""

    subject: str
    text: str
    event_id: str
    answer_by: datetime
    about: dict[str, object]

    @property
    def key(self) -> str:
        """A question that is asked anew has another."""
        return f"{self.event_id} {self.answer_by.isoformat()}"


@dataclass(slots=True)
class PushWay:
    """One way; `told`: the keys of what went out by it."""

    name: str
    send: Callable[[PushedQuestion], None]
    """In a thread. Raises OSError, ValueError."""
    told: dict[str, None] = field(default_factory=dict)
    not_before_s: float = 0.0

    async def push(self, question: PushedQuestion) -> bool:
        """Whether it went out now."""
        if question.key in self.told or time.monotonic() < self.not_before_s:
            return False
        try:
            await asyncio.to_thread(self.send, question)
        except (OSError, ValueError) as error:
            self.not_before_s = time.monotonic() + AGAIN_S
            log.warning("not_pushed", event_id=question.event_id, by=self.name, text=str(error))
            return False
        self.told[question.key] = None
        return True


def push_ways(webhook: str | None, mail: MailSettings | None) -> list[PushWay]:
    """Those that are set up."""
    found = []
    if webhook is not None:
        found.append(PushWay("webhook", partial(_post, webhook)))
    if mail is not None:
        found.append(PushWay("mail", lambda question: send(mail, question.subject, question.text)))
    return found


def _post(where: str, question: PushedQuestion) -> None:
    request = urllib.request.Request(where, to_json(question.about), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PUSH_WITHIN_S):
        pass
