"""A live aggregator has its plans computed on a thread of its own, and its journal is taken again without them."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asked import request
from memory_bus import MemoryBus
from worlds import T0, vehicle

from agents.parties.aggregator import planning
from agents.parties.der.actor import Der
from agents.runtime.build import build_actor
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, DerSettings, Rung
from broker.bus import Arrival
from broker.clock import Clock
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Received, Send, Solved
from protocol.codec import decode, encode
from protocol.edges import Edge, topic
from protocol.entries import decode_input

CAR = {"soc_wh": 14_000, "departure_soc_wh": 8_000, "max_charge_w": 3_000, "max_discharge_w": 3_000}
HOMES = tuple(
    DerSettings(name=f"h-{n}", parent="ra-1", devices=(vehicle(f"ev-{n}", departs_at=T0 + timedelta(hours=h), **CAR),))
    for n, h in enumerate((2, 2, 12, 12))
)
SETTINGS = AggregatorSettings(
    name="ra-1",
    parent="ac",
    ladder=(Rung.PLAN,),
    over_request=False,
    members=tuple(
        Member(name=home.name, resources=(f"ev-{n}",), increase_load_w=6_000, decrease_load_w=6_000, profiles=True)
        for n, home in enumerate(HOMES)
    ),
)


def six_slots() -> m.Request:
    return request(*(5_600,) * 6, reply_by=T0 + timedelta(minutes=20), decide_by=T0 + timedelta(minutes=40))


def arrival(edge: Edge, message: m.Message) -> Arrival:
    return Arrival(topic(message.kind, edge), encode(message), False, lambda: None)


async def offered(bus: MemoryBus, shell: Shell) -> m.Offer:
    """What the aggregator offers once its homes, real ones, have answered all that it asks."""
    homes, up = {home.name: Der(home) for home in HOMES}, Edge("ac", "ra-1")
    await shell.deliver([arrival(up, six_slots())])
    while True:
        post = await bus.posts.get()
        edge, message = decode(post.topic, post.payload)
        if edge == up and isinstance(message, m.Offer):
            return message
        if edge.child in homes:
            effects = homes[edge.child].receive(Received(edge, message), T0 + timedelta(minutes=1))
            answers = [effect for effect in effects if isinstance(effect, Send)]
            await shell.deliver([arrival(answer.edge, answer.message) for answer in answers])


async def test_plan_is_computed_beside_the_loop_and_stands_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setattr(planning, "best_mix_of", noting(planning.best_mix_of, threads))
    journal = Journal(tmp_path / "ra-1.journal")
    journal.start()
    bus = MemoryBus()
    shell = Shell(build_actor(SETTINGS), bus, Clock(T0, datetime.now(UTC), 1.0), journal=journal)
    running = asyncio.create_task(shell.run())
    offer = await offered(bus, shell)
    running.cancel()
    await asyncio.wait([running])
    await journal.all_durable()
    assert offer.power_w == (5_600,) * 6
    assert threads
    assert threading.main_thread() not in threads
    again, solved = Stepper(build_actor(SETTINGS), solves=False), 0
    for stored in journal.entries("ra-1"):
        item = decode_input(stored.input)
        solved += isinstance(item, Solved)
        again.fold_bytes(stored.at, item, stored.effects, devices_too=False)
    await journal.close()
    assert solved == len(threads)


def noting(compute: Callable[..., object], threads: list[threading.Thread]) -> Callable[..., object]:
    def noted(*given: object) -> object:
        threads.append(threading.current_thread())
        return compute(*given)

    return noted
