"""What a home of a fleet costs: `python bench/fleet.py [--quick]`.

Bytes in, bytes out: decoded, decided, encoded, in batches of 1,000 as a gateway takes them, but without the carrier.
Ours is a fleet (`agents/runtime/fleet/homes.py`), theirs are as many of the same homes each with an actor of its own, of which
a sample is measured. Every home has a vehicle that offers a part of what is asked and more when it may loosen.
"""

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import os
from datetime import UTC, datetime, timedelta

from agents.parties.der.actor import Der
from agents.runtime.fleet.homes import Given, Homes
from agents.settings.devices import VehicleSpec
from agents.settings.parties import DerSettings
from bench.daemons import rss
from bench.measure import Row, alone, machine, row, show
from protocol import messages as m
from protocol.actor import Effect, Received, Send
from protocol.codec import decode, encode
from protocol.edges import Edge, topic
from protocol.units import Direction

T0 = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)
AT_ONCE = 1_000
MOST_BYTES = 6_000
"""Target for a home with an event open, its settings included."""
Posts = Sequence[tuple[str, bytes]]


def homes(n: int) -> list[DerSettings]:
    """Vehicles that can give six tenths of what is asked, and eight when they may loosen."""
    return [DerSettings(name=f"hems-{i:06}", parent="ra-1", devices=(_vehicle(i),)) for i in range(n)]


def _vehicle(i: int) -> VehicleSpec:
    given = {
        "kind": "vehicle",
        "resource_id": f"ev-{i:06}",
        "capacity_wh": 40_000,
        "soc_wh": 10_000 + i % 50,
        "state_at": T0,
        "plugs_in_at": T0,
        "departs_at": T0 + timedelta(hours=14),
        "departure_soc_wh": 5_000,
        "reserve_wh": 6_200,
        "max_charge_w": 3_000,
        "max_discharge_w": 3_000,
        "relay_ops_left": 4,
        "relaxations": [{"restriction": "reserve_soc", "steps": [4_900]}],
    }
    return VehicleSpec.model_validate(given)


def stages(names: Sequence[str]) -> dict[str, Posts]:
    """What an aggregator says to each of them."""
    start = m.IntervalPeriod(start=T0 + timedelta(hours=1))
    soon, later = T0 + timedelta(minutes=10), T0 + timedelta(minutes=20)

    def to(name: str, kind: str) -> dict[str, Any]:
        request_id = f"ra-1.e1.1.{name}"
        return {"message_id": f"{request_id}.{kind}", "sent_at": T0, "event_id": "e1", "request_id": request_id,
                "round": 1, "revision": 1}  # fmt: skip

    def posts(message: Callable[[str], m.Message]) -> Posts:
        made = ((name, message(name)) for name in names)
        return [(topic(one.kind, Edge("ra-1", name)), encode(one)) for name, one in made]

    return {
        "request": posts(lambda name: m.Request(**to(name, "request"), program_id="dr", power_w=(3_000,) * 4,
            direction=Direction.DECREASE_LOAD, interval_period=start, reply_by=soon, decide_by=later)),
        "relax": posts(lambda name: m.Relax(**to(name, "relax"), shortfall_w=(1_200,) * 4, reply_by=soon,
            restrictions=(m.Restriction.RESERVE_SOC,))),
        "award": posts(lambda name: m.Award(**to(name, "award"), award_id=f"ra-1.e1.{name}", power_w=(1_500,) * 4,
            accepts=f"{name}.offer.relaxed.ra-1.e1.1.{name}", outcome=m.Outcome.CONCLUDED, confirm_by=later)),
    }  # fmt: skip


def answers(effects: Iterable[Effect]) -> int:
    """Bytes of what is said."""
    return sum(len(encode(effect.message)) for effect in effects if isinstance(effect, Send))


def by_fleet(fleet: Homes, posts: Posts) -> float:
    """Seconds until the last answer is encoded."""
    began = time.perf_counter()
    for first in range(0, len(posts), AT_ONCE):
        given: list[Given] = []
        for name, payload in posts[first : first + AT_ONCE]:
            edge, message = decode(name, payload)
            given.append((edge.child, Received(edge, message, payload)))
        assert answers(effect for entry in fleet.take(given, T0) for effect in entry.effects)
    return time.perf_counter() - began


def one_by_one(actors: Sequence[Der], posts: Posts) -> float:
    """The same for actors of their own."""
    began = time.perf_counter()
    for actor, (name, payload) in zip(actors, posts, strict=True):
        edge, message = decode(name, payload)
        assert answers(actor.receive(Received(edge, message, payload), T0))
    return time.perf_counter() - began


def rows(quick: bool) -> list[Row]:
    """Microseconds a home for each stage, and bytes."""
    n, rounds = (5_000, 2) if quick else (50_000, 3)
    pairs: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        settings = homes(n)
        fleet = Homes(settings)
        list(fleet.begin(T0))
        sample = [Der(one) for one in settings[: n // 50]]
        for kind, posts in stages([one.name for one in settings]).items():
            ours = by_fleet(fleet, posts) / n
            theirs = one_by_one(sample, posts[: len(sample)]) / len(sample)
            pairs.setdefault(kind, []).append((ours * 1e6, theirs * 1e6))
    found = [row(f"fleet: {kind}", n, rounds_, "us/home", "an actor each") for kind, rounds_ in pairs.items()]
    return [*found, alone("fleet: memory", n, [memory(n)], "B/home", MOST_BYTES)]


def memory(n: int) -> float:
    """Bytes that a home takes, measured in a process of its own: this one has memory to spare."""
    told = subprocess.run([sys.executable, __file__, "--memory", str(n)], capture_output=True, text=True, check=True)
    return float(told.stdout)


def taken(n: int) -> float:
    """Bytes of each of so many homes in this process, with the posts that they get already there; what is compiled is
    loaded before."""
    for many in (1_000, n):
        said = stages([one.name for one in homes(many)])
        gc.collect()
        before = rss(os.getpid())
        fleet = Homes(homes(many))
        list(fleet.begin(T0))
        for posts in said.values():
            by_fleet(fleet, posts)
        gc.collect()
    return (rss(os.getpid()) - before) / n


if __name__ == "__main__":
    if "--memory" in sys.argv:
        print(taken(int(sys.argv[-1])))
    else:
        show(rows("--quick" in sys.argv), machine())
