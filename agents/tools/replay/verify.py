"""A recording is taken again by fresh actors and compared, byte for byte (promise P11).

Each actor is given its inputs at their instants, as a daemon's start does with its journal. Devices are left alone:
what they measured is among the inputs. It ends at the first difference, because what comes after it follows from it.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.runtime.build import build_actor
from agents.runtime.fleet.homes import Homes
from agents.runtime.fleet.keeping import ALL
from agents.runtime.fleet.memory import remember_fleet
from agents.runtime.journal.rows import StoredStep, unreadable
from agents.runtime.snapshot import unpack
from agents.settings.checked import ConfigError
from agents.settings.parties import AggregatorSettings, DerSettings, Rung
from agents.tools.replay.bounds import TakenBounds
from agents.tools.replay.cast import Cast
from agents.tools.replay.difference import difference, in_words
from agents.tools.replay.source import Group, RecordingSource
from broker.recording_file import Step
from broker.stepper import again, is_same, no_collection
from protocol.actor import Actor
from protocol.entries import decode_input, encode_effects
from protocol.remembered import UnknownState


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first step that this software takes otherwise."""

    step: Step
    found: bytes
    """The effects that the step sets off now, encoded."""
    label: str
    """The file that it stands in."""

    @property
    def received(self) -> str:
        return in_words(decode_input(self.step.input), self.step.actor)

    def lines(self) -> list[str]:
        return difference(self.step.effects, self.found)

    def as_json(self) -> dict[str, object]:
        return {
            "party": self.step.actor,
            "at": self.step.at,
            "entry": self.step.seq,
            "file": self.label,
            "input": self.received,
            "difference": self.lines(),
        }


@dataclass(slots=True)
class Verified:
    """What came of it."""

    entries: int = 0
    parties: dict[str, int] = field(default_factory=dict)
    """Entries of each."""
    first_at: datetime | None = None
    last_at: datetime | None = None
    took_s: float = 0.0
    divergence: Divergence | None = None
    bounds: int = 0
    """Of plans, that were computed again."""
    wrong_bounds: list[str] = field(default_factory=list)
    """Those that do not hold, in words."""
    cut: str | None = None

    @property
    def span(self) -> timedelta:
        """From the first to the last instant of the recording."""
        return self.last_at - self.first_at if self.first_at and self.last_at else timedelta()

    @property
    def times_real(self) -> float:
        """How much faster than it happened."""
        return self.span.total_seconds() / self.took_s if self.took_s else 0.0

    def as_json(self) -> dict[str, object]:
        return {
            "verified": self.divergence is None and not self.wrong_bounds,
            "entries": self.entries,
            "parties": self.parties,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "took_s": round(self.took_s, 3),
            "times_real": round(self.times_real),
            "bounds": self.bounds,
            "wrong_bounds": self.wrong_bounds,
            "cut": self.cut,
            "divergence": None if self.divergence is None else self.divergence.as_json(),
        }


def verify(source: RecordingSource) -> Verified:
    """Take every step again, up to the first difference. Raises ConfigError, JournalError, RecordingError."""
    if source.from_bus:
        raise ConfigError(
            f"{source.path}: was heard on the bus, where the parties' own clocks and devices are not: it cannot be "
            "verified exactly; use what-if or onto, or record with journals"
        )
    result, began = Verified(), time.perf_counter()
    with no_collection():
        for group in source.groups():
            result.divergence = _again(group, source.cast, result)
            if result.divergence is not None:
                break
    result.took_s, result.cut = time.perf_counter() - began, source.cut
    return result


def _again(group: Group, cast: Cast, result: Verified) -> Divergence | None:
    actors: dict[str, Actor] = {}
    fleet = _fleet(group, cast)
    plans: dict[str, TakenBounds] = {}
    for step in group.steps:
        actor = actors.get(step.actor)
        if actor is None:
            actor = actors[step.actor] = _begun(step.actor, cast, group, fleet)
            settings = cast.settings[step.actor]
            from_the_start = step.actor not in group.begins
            if from_the_start and isinstance(settings, AggregatorSettings) and Rung.PLAN in settings.ladder:
                plans[step.actor] = TakenBounds(settings)
        try:
            effects = again(actor, step.at, decode_input(step.input))
            found = encode_effects(effects)
            same = found == step.effects or is_same(effects, step.effects)
        except Exception:
            if (why := unreadable(StoredStep(step.seq, step.at, step.actor, step.input, step.effects))) is None:
                raise
            raise ConfigError(f"{group.label}: {why}") from None
        result.entries += 1
        result.parties[step.actor] = result.parties.get(step.actor, 0) + 1
        result.first_at = step.at if result.first_at is None else min(result.first_at, step.at)
        result.last_at = step.at if result.last_at is None else max(result.last_at, step.at)
        if not same:
            return Divergence(step, found, group.label)
        if step.actor in plans:
            plans[step.actor].take(step)
    for taken in plans.values():
        result.bounds += taken.checked
        result.wrong_bounds += taken.wrong
    return None


def _fleet(group: Group, cast: Cast) -> Homes | None:
    """The homes of a fleet that knew something before their first steps. Raises ConfigError."""
    parts = [body for where, body in group.begins.items() if where.startswith(ALL)]
    if not parts:
        return None
    homes = Homes([one for one in cast.settings.values() if isinstance(one, DerSettings)])
    try:
        for body in parts:
            remember_fleet(homes, body)
    except (UnknownState, OSError, EOFError) as error:
        text = f"{group.label}: begins with what its homes knew, which was made by other rules: {error}"
        raise ConfigError(text) from None
    return homes


def _begun(name: str, cast: Cast, group: Group, fleet: Homes | None) -> Actor:
    settings = cast.settings.get(name)
    if settings is None:
        raise ConfigError(f"{group.label}: has entries of {name}, but not its settings")
    if fleet is not None:
        return fleet.actor(name)
    actor = build_actor(settings, group.label)
    if name in group.begins:
        try:
            unpack(group.begins[name], actor, {})
        except UnknownState as error:
            raise ConfigError(
                f"{group.label}: begins with what {name} knew, which was made by other rules: {error}"
            ) from None
    return actor
