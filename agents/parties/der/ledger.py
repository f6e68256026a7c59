"""Power that is on offer or committed in one event is not offered in another: who reserves what of which resource, and
what each resource is led by. The sum over all events is the resource's course; its set-points are computed from that."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from agents.devices.contract import Segment, micros, pieces
from agents.devices.course import power_at
from protocol.actor import Setpoint

KEPT = timedelta(days=1)
"""How long what is over stays known."""
Course: TypeAlias = tuple[Segment, ...]
Courses: TypeAlias = dict[str, dict[str, Course]]
"""Per event and resource."""


class Ledger:
    """Signed changes of load per event and resource, as segments of time, W, + = more import."""

    def __init__(self) -> None:
        self._reserved: Courses = {}
        self._followed: Courses = {}
        """What was dispatched: a part of what is reserved. Set-points and baselines go by it."""

    def reserve(self, event_id: str, parts: Mapping[str, Course]) -> None:
        """Replace what the event reserves by these parts."""
        self._reserved[event_id] = dict(parts)

    def follow(
        self, event_id: str, resource_id: str, course: Course, since: datetime, until: datetime
    ) -> list[Setpoint]:  # fmt: skip
        """A resource follows an event's course between two instants, in place of what it followed of it there. Returns
        the set-points of all events together from then on."""
        parts = self._followed.setdefault(event_id, {})
        before, led = parts.get(resource_id, ()), self._is_led(resource_id, since)
        if not course and not any(s.start < until and s.end > since for s in before):
            return []
        parts[resource_id] = (*clipped(before, None, since), *clipped(course, since, until), *clipped(before, until))
        return self._setpoints(resource_id, since, led)

    def free(self, event_id: str, now: datetime) -> list[Setpoint]:
        """Nothing is reserved from now on. What was before stays known: meter values still refer to it. Returns the
        set-points of the other events for what was led by this one."""
        led = [
            resource_id
            for resource_id, course in self._followed.get(event_id, {}).items()
            if any(s.end > now for s in course)
        ]
        for courses in (self._reserved, self._followed):
            past = {name: clipped(course, None, now) for name, course in courses.pop(event_id, {}).items()}
            if any(past.values()):
                courses[event_id] = past
            _prune(courses, now - KEPT)
        return [setpoint for resource_id in led for setpoint in self._setpoints(resource_id, now, True)]

    def but(self, event_id: str) -> dict[str, Course]:
        """Per resource, what all other events reserve."""
        result: dict[str, Course] = {}
        for other, parts in self._reserved.items():
            if other != event_id:
                for name, segments in parts.items():
                    result[name] = result.get(name, ()) + segments
        return result

    def reserves(self, event_id: str, resource_id: str) -> Course:
        """What an event reserves of a resource."""
        return self._reserved.get(event_id, {}).get(resource_id, ())

    def follows(self, event_id: str, resource_id: str) -> Course:
        """What a resource follows of an event."""
        return self._followed.get(event_id, {}).get(resource_id, ())

    def led(self, event_id: str, resource_id: str, until: datetime) -> Course:
        """What a resource has followed of an event until an instant."""
        return clipped(self.follows(event_id, resource_id), None, until)

    def others(self, event_id: str, resource_id: str) -> Course:
        """What a resource follows of all other events."""
        return tuple(
            segment
            for other, parts in self._followed.items()
            if other != event_id
            for segment in parts.get(resource_id, ())
        )

    def above(self, event_id: str, resource_id: str) -> Course:
        """What a resource follows of those events that it followed later: they stand on this one's schedule, where it has
        one."""
        known = list(self._followed)
        later = known[known.index(event_id) + 1 :] if event_id in self._followed else []
        return tuple(segment for other in later for segment in self.follows(other, resource_id))

    def others_wus(self, event_id: str, resource_id: str, start: datetime, end: datetime) -> int:
        """What a resource followed of all other events between two instants, signed W x microseconds."""
        return sum(
            s.power_w * micros(s.end - s.start)
            for other, parts in self._followed.items()
            if other != event_id
            for s in clipped(parts.get(resource_id, ()), start, end)
        )

    def _is_led(self, resource_id: str, since: datetime) -> bool:
        return any(s.end > since for s in self._course(resource_id))

    def _course(self, resource_id: str) -> Iterator[Segment]:
        for parts in self._followed.values():
            yield from parts.get(resource_id, ())

    def _setpoints(self, resource_id: str, since: datetime, led: bool) -> list[Setpoint]:
        """The course from an instant on. `led`: whether set-points have been given that go beyond it."""
        course = [s for s in self._course(resource_id) if s.end > since]
        found = [
            Setpoint(resource_id, power_w, start, end)
            for start, end in pieces(course, since, max((s.end for s in course), default=since))
            if (power_w := power_at(course, start)) is not None
        ]
        returns = led and (not found or found[0].at > since)
        return [Setpoint(resource_id, None, since, since), *found] if returns else found

    def all(self) -> Courses:
        """Per event and resource what the event reserves."""
        return {event_id: dict(parts) for event_id, parts in self._reserved.items()}

    def followed(self) -> Courses:
        """Per event and resource what is led by the event."""
        return {event_id: dict(parts) for event_id, parts in self._followed.items()}

    def remember(
        self, reserved: Mapping[str, Mapping[str, Course]], followed: Mapping[str, Mapping[str, Course]]
    ) -> None:  # fmt: skip
        """Let this be what the events reserve, and what is led by them."""
        self._reserved = {event_id: dict(parts) for event_id, parts in reserved.items()}
        self._followed = {event_id: dict(parts) for event_id, parts in followed.items()}


def clipped(course: Iterable[Segment], start: datetime | None = None, end: datetime | None = None) -> Course:
    """What lies between two instants; None: without a bound."""
    found = []
    for segment in course:
        begins = segment.start if start is None else max(segment.start, start)
        ends = segment.end if end is None else min(segment.end, end)
        if begins < ends:
            found.append(replace(segment, start=begins, end=ends))
    return tuple(found)


def _prune(courses: Courses, before: datetime) -> None:
    for event_id, parts in list(courses.items()):
        if all(segment.end < before for segments in parts.values() for segment in segments):
            del courses[event_id]
