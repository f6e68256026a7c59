"""Valid messages of odd values: what a peer of ours may say, and no honest one does.

An odd message is one that was really said, with one to three fields at an edge of their range, of another slot count, of
another event, of somebody else, of another time, or said once more. What the models refuse is not said: here it is
about those that they take.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any

from pydantic import ValidationError

from protocol import messages as m
from protocol.actor import Received
from protocol.codec import decode_body, encode
from protocol.edges import Edge, hearers
from protocol.errors import RefusedMessage
from protocol.units import FIRST_AT, LAST_AT, MAX_ENERGY_WH, MAX_POWER_W, MAX_REF, MAX_SLOTS, MAX_STEM

POWERS = (0, 1, 999, 3_000, 6_000, MAX_POWER_W - 1, MAX_POWER_W)
ENERGIES = (0, 1, -1, 12_345_678, MAX_ENERGY_WH, -MAX_ENERGY_WH)
WEIGHTS = dict.fromkeys(("power_w", "available_w", "shortfall_w", "options", "readings", "interval_period", "slot"), 5) | {
    "version": 0, "message_id": 0, "revision": 3, "round": 2, "outcome": 2, "request_id": 2, "resources": 2, "basis": 2
}  # fmt: skip
"""How often a field is changed against others."""
TRIES = 20
"""Changes that are tried until one of them is a message."""


class Odd:
    """Makes odd messages of what was said on a bus so far."""

    def __init__(self, random: Random, names: Sequence[str]) -> None:
        self.random, self.names = random, names
        self.said: list[tuple[Edge, m.Message]] = []
        self.heard = 0
        """So many posts of the bus were heard."""

    def hear(self, edge: Edge, message: m.Message) -> None:
        """A message that was really said."""
        self.said.append((edge, message))

    def about(self, name: str, now: datetime) -> Received | None:
        """An odd message for a party, on one of its edges; None where nothing was said that could be changed."""
        by_kind: dict[str, list[tuple[Edge, m.Message]]] = {}
        astray = self.random.random() < 0.05
        for edge, message in self.said:
            if name in hearers(message.kind, edge) or (astray and name in edge):
                by_kind.setdefault(message.kind, []).append((edge, message))
        if not by_kind:
            return None
        edge, message = self.random.choice(by_kind[self.random.choice(list(by_kind))][-20:])
        if self.random.random() < 0.05:
            edge, message = self._elsewhere(edge, name), self.random.choice(self.said)[1]
        changed = self.like(message, now)
        return None if changed is None else Received(edge, changed, encode(changed))

    def like(self, message: m.Message, now: datetime) -> m.Message | None:
        """A message like another one; None where no change that was tried gives one."""
        for _ in range(TRIES):
            try:
                changed = self._changed(message, now)
                return decode_body(changed.kind, encode(changed))
            except (ValidationError, RefusedMessage):
                continue
        return None

    def _elsewhere(self, edge: Edge, name: str) -> Edge:
        """Another edge of a party: a stranger's, one's own child's, either way."""
        other = self.random.choice([*self.names, "stranger", edge.other(name)])
        return self.random.choice([Edge(name, other), Edge(other, name)])

    def _changed(self, message: m.Message, now: datetime) -> m.Message:
        """Raises ValidationError for what is no message."""
        fields = {name: getattr(message, name) for name in type(message).model_fields}
        if self.random.random() < 0.9:
            if "revision" in fields and self.random.random() < 0.5:
                fields["revision"] = min(
                    fields["revision"] + self.random.randint(1, 9), m.MAX_REVISION
                )  # as a correction
            fields["message_id"] = f"odd.{self.random.getrandbits(32)}"
        names = [name for name in fields for _ in range(WEIGHTS.get(name, 1))]
        for name in dict.fromkeys(self.random.choice(names) for _ in range(self.random.choice((0, 1, 1, 1, 2, 3)))):
            fields[name] = self._value(name, fields[name], fields, now)
        self._fit(fields)
        return type(message)(**fields)

    def _fit(self, fields: dict[str, Any]) -> None:
        """Mostly let hang together what has to, or hardly a change would be a message."""
        if self.random.random() < 0.1:
            return
        if fields.get("outcome") not in (None, m.Outcome.CONCLUDED) or fields.get("opt") is m.Opt.OUT:
            fields["power_w"] = (0,) * len(fields["power_w"])
        if fields.get("outcome") is m.Outcome.CONCLUDED and fields.get("accepts") is None:
            fields["accepts"] = self._ref("message_id")
        if "available_w" in fields:
            slots = len(fields["power_w"])
            most = (*fields["available_w"], *fields["power_w"])[:slots] + (0,) * (slots - len(fields["available_w"]))
            fields["available_w"] = tuple(map(max, most, fields["power_w"]))
            fields["binding"] = ()
            fields["resources"] = tuple(self._resource(one, fields["power_w"]) for one in fields["resources"])
        if "readings" in fields and self.random.random() < 0.2:
            fields |= {"readings": (), "slot": self.random.choice((0, 1, MAX_SLOTS - 1)), "state": m.EventStatus.ACTIVE}
        if "interval_period" in fields:
            start = fields["interval_period"].start
            fields["decide_by"] = min(fields["decide_by"], start)
            fields["reply_by"] = min(fields["reply_by"], fields["decide_by"])

    def _resource(self, resource: m.Resource, power_w: tuple[int, ...]) -> m.Resource:
        return resource.model_copy(update={"power_w": power_w})

    # -- one field

    def _value(self, name: str, value: Any, fields: Mapping[str, Any], now: datetime) -> Any:
        random = self.random
        if isinstance(value, StrEnum):
            return random.choice(list(type(value)))
        if isinstance(value, datetime):
            return self._instant(value, now)
        match name:
            case "power_w" | "available_w" | "shortfall_w" if isinstance(value, tuple):
                return self._plan(value)
            case "power_w" if value is not None:
                return random.choice((0, value, -value, MAX_POWER_W, -MAX_POWER_W))
            case "message_id" | "request_id" | "award_id" | "accepts" | "refused_id":
                return self._ref(name)
            case "event_id" | "program_id" | "resource_id":
                return random.choice(["e1", "e2", "x" * 64, *self.names])
            case "round":
                return random.choice((1, 2, 3, value + 1, m.MAX_ROUND))
            case "revision":
                return random.choice((1, 2, value + 1, m.MAX_REVISION))
            case "slot" | "from_slot" if value is not None:
                return random.choice((0, 1, value + 1, MAX_SLOTS - 1))
            case "valid_for_s":
                return random.choice((1, 1_800, 7 * 86_400))
            case "readings":
                return tuple(map(self._reading, value * random.choice((1, 1, 2))))
            case "interval_period":
                start = self._instant(value.start, now)
                duration = timedelta(seconds=random.choice((1, 60, 1_800, 3_601, 86_400)))
                return m.IntervalPeriod(start=start, duration=random.choice((duration, value.duration)))
            case "terms":
                return m.Terms(least_share_pct=random.choice((0, 100)), mandate=not value.mandate)
            case "options":
                return tuple(self._options(value))
            case "resources":
                return tuple(self._resources(value, fields))
            case "restrictions":
                return tuple(random.choices(list(m.Restriction), k=random.choice((1, 2, 16))))
            case "answer":
                return random.choice((None, True))
            case "accepted" | "online":
                return not value
            case "extensions":
                return {"x": [2**64 - 1, -(2**63), 1e308, None, "\u001b[2J", {"deep": [[[]]]}]}
        return value

    def _instant(self, value: datetime, now: datetime) -> datetime:
        near = [
            timedelta(0),
            timedelta(microseconds=1),
            timedelta(seconds=1),
            timedelta(minutes=20),
            timedelta(days=400),
        ]
        by = self.random.choice(near) * self.random.choice((1, -1))
        return self.random.choice(
            (FIRST_AT, LAST_AT - timedelta(microseconds=1), LAST_AT - timedelta(days=40), now + by, value + by)
        )

    def _plan(self, value: tuple[int, ...]) -> tuple[int, ...]:
        random = self.random
        slots = random.choice(
            (len(value), len(value), len(value), 1, len(value) + 1, max(1, len(value) - 1), MAX_SLOTS)
        )
        powers = random.choice((POWERS, value, (random.choice(POWERS),)))
        return tuple(random.choice(powers) for _ in range(slots))

    def _ref(self, name: str) -> str:
        known = [getattr(message, name, None) for _, message in self.said]
        options = [
            message.option_id for _, one in self.said if isinstance(one, m.Alternative) for message in one.options
        ]
        longest = "y" * (MAX_STEM if name in ("request_id", "award_id") else MAX_REF)
        return self.random.choice([*[ref for ref in (*known, *options) if isinstance(ref, str)][-50:], "x", longest])

    def _reading(self, reading: m.Reading) -> m.Reading:
        random = self.random
        return reading.model_copy(
            update={
                "slot": random.choice((reading.slot, reading.slot + 1, 0, MAX_SLOTS - 1)),
                "energy_wh": random.choice((*ENERGIES, reading.energy_wh)),
                "baseline_wh": random.choice((*ENERGIES, reading.baseline_wh)),
                "soc_wh": random.choice((None, 0, MAX_ENERGY_WH)),
                "state": random.choice(list(m.EventStatus)),
                "reading_type": random.choice(list(m.ReadingType)),
            }
        )

    def _options(self, options: tuple[m.Option, ...]) -> Iterator[m.Option]:
        plan = self._plan(options[0].power_w)
        for number, option in enumerate(options * self.random.choice((1, 2))):
            powers = tuple(self.random.choice((power_w, 0, MAX_POWER_W)) for power_w in plan)
            yield option.model_copy(update={"power_w": powers, "option_id": f"{option.option_id[:50]}-{number}"})

    def _resources(self, resources: tuple[m.Resource, ...], fields: Mapping[str, Any]) -> Iterator[m.Resource]:
        for _ in range(self.random.choice((0, 1, 2, 64))):
            of = self.random.choice([*self.names, *(f"ev-{name}" for name in self.names), "nobodys"])
            kind = self.random.choice(list(m.ResourceKind))
            relaxable = self.random.random() < 0.5
            yield m.Resource(resource_id=of[:64], kind=kind, power_w=fields["power_w"], relaxable=relaxable)
