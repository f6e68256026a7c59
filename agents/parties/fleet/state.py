"""What homes on their usual course remember, as frozen models with a version: columns, a row a home."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from agents.devices.contract import Flexibility
from agents.parties.der.event import DerStage
from agents.parties.der.terms import EventTerms
from agents.parties.fleet.course import Course, Taken
from agents.settings.parties import DerSettings
from protocol.actor import Measured, Resumed
from protocol.entries import decode_input, encode_input

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CoursesState:
    """Of every `Course` that has taken anything. All columns down to `relaxed` have a row a home, `at`, `kinds` and
    `bodies` one an input, the homes' one behind the other. What is asked and computed alike stands once."""

    homes: tuple[str, ...]
    stages: tuple[DerStage, ...]
    hearing: tuple[bool, ...]
    events: tuple[tuple[str, ...], ...]
    request_ids: tuple[str, ...]
    """Empty where nothing was asked yet."""
    terms: tuple[int | None, ...]
    """Places in `asked`."""
    over_at: tuple[datetime | None, ...]
    ids: tuple[tuple[str, ...], ...]
    inputs: tuple[int, ...]
    """How many each home has taken."""
    answers: tuple[tuple[int, ...], ...]
    """Places in `computed`, as those of the next two."""
    own: tuple[int | None, ...]
    relaxed: tuple[int | None, ...]
    at: tuple[datetime, ...]
    kinds: tuple[str, ...]
    """Of a message; empty for anything else."""
    bodies: tuple[str, ...]
    """A message as it travelled, anything else as a journal has it."""
    asked: tuple[EventTerms, ...]
    computed: tuple[Flexibility, ...]
    version: Literal[1] = 1


class _Once(Generic[T]):
    """Many things, the same ones once."""

    def __init__(self, key: Callable[[T], Hashable]) -> None:
        self.all: list[T] = []
        self._key = key
        self._places: dict[Hashable, int] = {}

    def place(self, one: T | None) -> int | None:
        """Where it stands; None for nothing."""
        return None if one is None else self.of(one)

    def of(self, one: T) -> int:
        """Where it stands."""
        place = self._places.setdefault(self._key(one), len(self.all))
        if place == len(self.all):
            self.all.append(one)
        return place


def courses_state(courses: Iterable[Course]) -> CoursesState:
    """What these homes remember now."""
    some = [course for course in courses if course.taken]
    asked, computed = _Once[EventTerms](id), _Once[Flexibility](lambda one: one)
    taken = [one for course in some for one in course.taken]
    written = [_written(what) for _, what in taken]
    return CoursesState(
        homes=tuple(course.settings.name for course in some),
        stages=tuple(course.stage for course in some),
        hearing=tuple(course.hearing for course in some),
        events=tuple(course.events for course in some),
        request_ids=tuple(course.request_id if course.events else "" for course in some),
        terms=tuple(asked.of(course.terms) if course.events else None for course in some),
        over_at=tuple(course.over_at for course in some),
        ids=tuple(course.ids for course in some),
        inputs=tuple(len(course.taken) for course in some),
        answers=tuple(tuple(map(computed.of, course.answers)) for course in some),
        own=tuple(computed.place(course.own) for course in some),
        relaxed=tuple(computed.place(course.relaxed) for course in some),
        at=tuple(at for at, _ in taken),
        kinds=tuple(kind for kind, _ in written),
        bodies=tuple(body for _, body in written),
        asked=tuple(asked.all),
        computed=tuple(computed.all),
    )


def courses_of(state: CoursesState, settings: Mapping[str, DerSettings], only: str | None = None) -> Iterator[Course]:
    """The same homes again; `only` one of them. Raises RefusedMessage for an input that this version cannot read."""
    first = 0
    for row, (name, count) in enumerate(zip(state.homes, state.inputs, strict=True)):
        if only is None or only == name:
            yield _course(state, row, settings[name], range(first, first + count))
        first += count


def _course(state: CoursesState, row: int, settings: DerSettings, inputs: range) -> Course:
    course, terms, own, relaxed = Course(settings), state.terms[row], state.own[row], state.relaxed[row]
    course.stage, course.hearing = state.stages[row], state.hearing[row]
    course.events, course.ids, course.over_at = state.events[row], state.ids[row], state.over_at[row]
    if terms is not None:
        course.terms, course.request_id = state.asked[terms], state.request_ids[row]
    course.answers = [state.computed[place] for place in state.answers[row]]
    course.own = None if own is None else state.computed[own]
    course.relaxed = None if relaxed is None else state.computed[relaxed]
    course.taken = [_read(state.at[place], state.kinds[place], state.bodies[place]) for place in inputs]
    return course


def _written(what: Measured | Resumed | tuple[str, bytes] | None) -> tuple[str, str]:
    """Kind and body."""
    if isinstance(what, tuple):
        return what[0], what[1].decode()
    return "", encode_input(what).decode()


def _read(at: datetime, kind: str, body: str) -> Taken:
    if kind:
        return at, (kind, body.encode())
    what = decode_input(body.encode())
    assert what is None or isinstance(what, Measured | Resumed)
    return at, what
