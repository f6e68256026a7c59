"""Takes out of a recording whose homes and which days it is of: stable pseudonyms, shifted dates; energies stay.

Names of parties, resources, events and programs become `x` and a keyed hash (HMAC-SHA-256 with a salt: who does not
have the salt cannot try names out), everywhere: in topics, ids that are derived from names, texts, keys, settings. All
instants and days move by the same whole number of weeks, so that the time of day and the day of the week stay. A plan's
zone becomes UTC. The names are
renamed in inputs and effects alike, so a recording of steps can still be verified. In what a tap heard, free texts,
extensions and properties are dropped, and what is no message of ours is replaced by as many question marks: a foreign
device may have put anything there. In steps the texts stay, with their names renamed, because effects repeat them.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import orjson

from broker.recording_file import Header, Line, RecordedMessage, Step
from protocol.codec import decode, decode_progress
from protocol.edges import BESIDE, ROOT, ROUTES
from protocol.errors import RefusedMessage

NAME_KEYS = frozenset(
    {
        "actor", "aggregator", "by", "child", "children", "event_id", "meter_to", "meters", "name", "parent", "party",
        "program_id", "resource_id", "resources",
    }
)  # fmt: skip
"""What stands under these keys names somebody or something."""
TEXT_KEYS = frozenset({"text", "cause", "software"})
FREE_KEYS = frozenset({"extensions", "capability"})
"""Under these keys a sender may use keys of its own."""
NOT_NAMES = frozenset({*ROUTES, *BESIDE, ROOT, "online", "offline", "", "aggregate", "der", "home", "aggregator"})
_WORD = re.compile(r"[A-Za-z0-9_-]+")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?=T\d\d:)")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
"""A day by itself, as an owner's plan has them."""
NOWHERE = "UTC"
"""The zone of every plan: it says where a home is."""
SHORTEST_WEEKS, LONGEST_WEEKS = 52, 520


class Anonymiser:
    """Changes header and lines of one recording, or of all that share a salt."""

    def __init__(self, salt: str) -> None:
        self._key = salt.encode()
        drawn = int.from_bytes(hmac.digest(self._key, b"weeks", "sha256")[:4])
        self._shift = timedelta(weeks=SHORTEST_WEEKS + drawn % (LONGEST_WEEKS - SHORTEST_WEEKS))
        self._pseudonyms: dict[str, str] = {}

    def header(self, header: Header) -> Header:
        """The header; every name in the settings is known from here on."""
        self._learn(header.configurations)
        changed = self._changed(header.configurations)
        at = header.started_at - self._shift
        return replace(header, configurations=tuple(changed), started_at=at, anonymised=True, about={})

    def line(self, line: Line) -> Line:
        """A line, renamed and moved."""
        if isinstance(line, Step):
            item, effects = self._taken(line)
            return replace(
                line,
                at=line.at - self._shift,
                actor=self._renamed(line.actor),
                input=orjson.dumps(self._changed(item)),
                effects=orjson.dumps(self._changed(effects)),
            )
        return self.received(line)

    def learn(self, lines: Iterable[Line]) -> None:
        """Hear of all names before the first line is changed: a text may name somebody who speaks later."""
        for line in lines:
            if isinstance(line, Step):
                self._taken(line)
            else:
                self._told(line)

    def received(self, line: RecordedMessage) -> RecordedMessage:
        """A message as a tap heard it, without free texts."""
        body = self._told(line)
        payload = b"?" * len(line.payload) if body is None else orjson.dumps(self._changed(_without_texts(body)))
        topic = "/".join(self._level(level) for level in line.topic.split("/"))
        return replace(line, at=line.at - self._shift, topic=topic, payload=payload, properties={})

    # -- names

    def _taken(self, step: Step) -> tuple[Any, Any]:
        """Input and effects of a step; their names are known from here on."""
        item, effects = orjson.loads(step.input), orjson.loads(step.effects)
        self._know(step.actor)
        self._learn(item)
        self._learn(effects)
        return item, effects

    def _told(self, line: RecordedMessage) -> dict[str, Any] | None:
        """The fields of what was heard, None for no message; its names are known from here on."""
        for level in line.topic.split("/"):
            self._know(level)
        body = _message(line)
        self._learn(body)
        return body

    def _level(self, level: str) -> str:
        """A topic's level; a stranger's topic may have levels that are no names."""
        return self._renamed(level) if _WORD.fullmatch(level) else "x" * len(level)

    def _learn(self, value: Any) -> None:
        for name in _names(value):
            self._know(name)

    def _know(self, name: str) -> None:
        if name not in self._pseudonyms and name not in NOT_NAMES and _WORD.fullmatch(name):
            self._pseudonyms[name] = f"x{hmac.new(self._key, name.encode(), sha256).hexdigest()[:12]}"

    def _renamed(self, text: str) -> str:
        """Every known name in a text, whole words only."""
        return _WORD.sub(lambda found: self._pseudonyms.get(found[0], found[0]), text)

    # -- values

    def _changed(self, value: Any, keys_too: bool = False) -> Any:
        """`keys_too`: the keys are names as well, not those of a schema; so it is in what a note tells."""
        match value:
            case str() if _DAY.fullmatch(value) and value not in self._pseudonyms:
                return _DAY.sub(self._moved, value)
            case str():
                return self._renamed(_DATE.sub(self._moved, value))
            case {"effect": "note", "name": name, "data": data, **others}:
                told = {"effect": "note", "name": name, **self._changed(others), "data": self._changed(data, True)}
                return {key: told[key] for key in value}
            case dict():
                renamed = self._renamed if keys_too else str
                told = {renamed(key): self._changed(item, keys_too) for key, item in value.items()}
                return told | {"zone": NOWHERE} if "departures" in told and "zone" in told else told
            case list() | tuple():
                return [self._changed(item, keys_too) for item in value]
        return value

    def _moved(self, found: re.Match[str]) -> str:
        try:
            return (date.fromisoformat(found[0]) - self._shift).isoformat()
        except (ValueError, OverflowError):
            return "0000-00-00"  # looks like a date and is none


def _names(value: Any, key: str = "") -> Iterator[str]:
    match value:
        case str() if key in NAME_KEYS:
            yield value
        case {"effect": "note", "name": _, **others}:
            yield from _names(others)
        case dict():
            for name, item in value.items():
                yield from _names(item, name)
        case list() | tuple():
            for item in value:
                yield from _names(item, key)


def _message(line: RecordedMessage) -> dict[str, Any] | None:
    """The fields of what was heard; None for what is no message, as an empty payload, which clears a topic."""
    try:
        if decode_progress(line.topic, line.payload) is None:
            decode(line.topic, line.payload)
        return dict(orjson.loads(line.payload))
    except (RefusedMessage, orjson.JSONDecodeError):
        return None


def _without_texts(body: dict[str, Any]) -> dict[str, Any]:
    """A message without what a sender may write freely; it stays valid."""
    kept = {key: "" if key in TEXT_KEYS else value for key, value in body.items() if key not in FREE_KEYS}
    if isinstance(kept.get("reason"), str) and "refused_kind" not in kept:
        kept["reason"] = ""  # of a reject it is a word of the protocol
    return kept
