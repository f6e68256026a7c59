"""What a resident has chosen on the page, and what follows from it for the questions of the home's agent."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.pages.home.view import TAKES_PART, HomeEvent
from agents.pages.web.figures import zone_of
from agents.runtime.files.private import PRIVATE, content, put
from agents.settings.checked import ConfigError
from agents.settings.devices import Spec
from agents.settings.limits import limits_of
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
    language: str = "en"
    """Of what is pushed."""
    limits: dict[str, dict[str, Any]] = {}
    """What is said otherwise than the settings, by device."""
    leaves: dict[str, Instant] = {}
    """By vehicle: when it leaves the next time, otherwise than its plan says."""
    loosen_from: time | None = None
    loosen_to: time | None = None
    """Only then may limits be loosened; None: whenever it is asked for."""
    kept: dict[str, int] = {}
    """Stored energy that is kept for an outage, Wh by device; empty: no more than the reserve."""

    def paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until

    def quiet(self, now: datetime) -> bool:
        """Whether nobody is to be disturbed; quiet hours may run over midnight."""
        if self.quiet_from is None or self.quiet_to is None or self.quiet_from == self.quiet_to:
            return False
        return self._within(now, self.quiet_from, self.quiet_to)

    def may_loosen(self, now: datetime) -> bool:
        """Whether limits may be loosened at this hour, as far as that was agreed to."""
        if self.loosen_from is None or self.loosen_to is None or self.loosen_from == self.loosen_to:
            return True
        return self._within(now, self.loosen_from, self.loosen_to)

    def _within(self, now: datetime, begin: time, end: time) -> bool:
        at = now.astimezone(zone_of(self.zone)).time()
        return begin <= at < end if begin < end else at >= begin or at < end


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


def wanted_limits(choices: Choices, spec: Spec, now: datetime) -> dict[str, object]:
    """What the limits of a device (as its settings have it) are to be now, otherwise than its settings say; plain values."""
    found: dict[str, object] = dict(choices.limits.get(spec.resource_id, {}))
    before = limits_of(spec) | found
    relaxations = before.get("relaxations") or []
    assert isinstance(relaxations, list)
    kept_wh = choices.kept.get(spec.resource_id)
    if kept_wh is not None and "reserve_wh" in before:
        found["reserve_wh"] = max(kept_wh, int(str(before["reserve_wh"])))
        loose = [one for one in relaxations if one["restriction"] != "reserve_soc"]
        if loose != relaxations:
            found["relaxations"] = relaxations = loose
    if not choices.may_loosen(now):
        if relaxations:
            found["relaxations"] = []
        if before.get("comfort_steps_k"):
            found["comfort_steps_k"] = []
    return found


class ToldBefore(BaseModel):
    """What the page has said and pushed, so that it does so once, also when it was started anew in between."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    said: tuple[StandingAnswer, ...] = ()
    pushed: dict[str, tuple[str, ...]] = {}
    """By way."""


MOST_TOLD = 500


def told_path(path: Path) -> Path:
    """Beside the choices."""
    return path.with_name(f"{path.stem}-told.json")


def load_told(path: Path) -> ToldBefore:
    """Nothing where there is no such file, or none that can be read: then it is said once more."""
    try:
        return ToldBefore.model_validate_json(content(told_path(path)))
    except (ConfigError, ValidationError):
        return ToldBefore()


def save_told(path: Path, told: ToldBefore) -> None:
    """Raises ConfigError."""
    put(told_path(path), told.model_dump_json().encode() + b"\n", PRIVATE)


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
