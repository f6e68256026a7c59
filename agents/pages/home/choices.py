"""What a resident has chosen on the page, and what follows from it for the questions of the home's agent."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.pages.home.view import TAKES_PART, HomeEvent
from agents.pages.web.figures import zone_of
from agents.runtime.files.private import PRIVATE, content, put
from agents.settings.checked import ConfigError
from protocol.units import Instant


class Choices(BaseModel):
    """Frozen; the page puts another one in its place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Literal["ask", "always", "never"] = "ask"
    most_a_day: Annotated[int, Field(ge=1, le=24)] = 2
    """With `always`: further events of a day are asked about."""
    paused_until: Instant | None = None
    quiet_from: time | None = None
    quiet_to: time | None = None
    zone: str = "UTC"
    """On whose clocks the quiet hours and the days are."""

    def paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until

    def quiet(self, now: datetime) -> bool:
        """Whether nobody is to be disturbed; quiet hours may run over midnight."""
        if self.quiet_from is None or self.quiet_to is None or self.quiet_from == self.quiet_to:
            return False
        at = now.astimezone(zone_of(self.zone)).time()
        if self.quiet_from < self.quiet_to:
            return self.quiet_from <= at < self.quiet_to
        return at >= self.quiet_from or at < self.quiet_to


class StandingAnswer(NamedTuple):
    """An answer that the resident has given beforehand."""

    event_id: str
    take_part: bool


def answers(choices: Choices, events: Iterable[HomeEvent], now: datetime) -> Iterator[StandingAnswer]:
    """What is to be said to the agent now: no to all that is open, or yes to what is asked as far as that was chosen."""
    events = list(events)
    refuse = choices.rule == "never" or choices.paused(now)
    zone = zone_of(choices.zone)
    taken = {
        one.event_id: one.start.astimezone(zone).date() for one in events if one.stage in TAKES_PART or one.done_wh
    }
    for one in events:
        if not one.is_open(now):
            continue
        if refuse and (one.answer_by is not None or one.stage in TAKES_PART):
            yield StandingAnswer(one.event_id, False)
        elif choices.rule == "always" and one.answer_by is not None:
            day = one.start.astimezone(zone).date()
            if sum(other == day for key, other in taken.items() if key != one.event_id) < choices.most_a_day:
                taken[one.event_id] = day
                yield StandingAnswer(one.event_id, True)


def load(path: Path) -> Choices:
    """Those in a file; the defaults where there is none. Raises ConfigError."""
    if not path.exists():
        return Choices()
    try:
        return Choices.model_validate_json(content(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {error.errors(include_url=False)[0]['msg']}") from None


def save(path: Path, choices: Choices) -> None:
    """Raises ConfigError."""
    put(path, choices.model_dump_json(indent=2).encode() + b"\n", PRIVATE)
