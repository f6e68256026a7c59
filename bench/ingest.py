"""How many offers a second an aggregator takes in: `python bench/ingest.py [--homes N] [--rounds N] [--root CHECKOUT]`.

The daemon has asked N homes; a raw publisher (one connection, the window of the broker respected) sends all offers,
made beforehand. Ours: from the first byte sent to the aggregator's own offer upward, which it publishes once the last
offer is decoded, validated, known not to be a repeat, durable in the journal and added up. Theirs: the same stream to
`mosquitto_sub` on the same broker, from the first byte sent to its end, where it has counted them.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.daemons import HERE, Daemon, base_config, daemon
from bench.measure import Row, machine, row, show
from bench.wire import QOS1, RETAIN, RawClient, frames
from broker.mosquitto import Broker, private_broker
from protocol import messages as m
from protocol.codec import decode_body, encode
from protocol.units import Direction

EACH_W, SLOTS = 3_000, 4
LONG_S = 300
"""Nothing here takes so long: stages end because all have answered."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One round of ours."""

    seconds: float
    offers_cpu_s: float
    """Processor time of the aggregator while the offers came."""
    cpu_s: float
    """The same from the request on."""
    rss_before: int
    rss_after: int


def book(folder: Path, homes: int) -> None:
    """The members' file of an aggregator with so many homes."""
    lines = [f"hems-{number:06},ev-{number:06},{EACH_W},{EACH_W}" for number in range(homes)]
    (folder / "members.csv").write_text("\n".join(["name,resources,increase_load_w,decrease_load_w", *lines]) + "\n")


def asked(homes: int, event_id: str = "e1") -> m.Request:
    """What the aggregator's parent asks: all that the homes have."""
    now = datetime.now(UTC)
    start = now + timedelta(seconds=4 * LONG_S)
    return m.Request(
        message_id=f"ac.request.ra-1.{event_id}.1.1", sent_at=now, event_id=event_id, request_id=f"{event_id}.1.1",
        round=1, revision=1, program_id="dr", direction=Direction.DECREASE_LOAD,
        interval_period=m.IntervalPeriod(start=start), power_w=(EACH_W * homes,) * SLOTS,
        reply_by=now + timedelta(seconds=2 * LONG_S), decide_by=now + timedelta(seconds=3 * LONG_S),
    )  # fmt: skip


def offers(requests: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Topic and payload of every home's offer to the request that it heard."""
    made: list[tuple[bytes, bytes]] = []
    for topic, payload in requests:
        request = decode_body("request", payload)
        assert isinstance(request, m.Request)
        home = topic.rpartition(b"/")[2].decode()
        part = m.Resource(
            resource_id=f"ev-{home[-6:]}", kind=m.ResourceKind.VEHICLE, power_w=request.power_w, relaxable=True
        )
        offer = m.Offer(
            message_id=f"{home}.offer.{request.request_id}.1", sent_at=request.sent_at, event_id=request.event_id,
            request_id=request.request_id, round=request.round, revision=1, opt=m.Opt.IN, power_w=request.power_w,
            available_w=tuple(power + 500 for power in request.power_w), binding=(None,) * len(request.power_w),
            resources=(part,), valid_until=request.interval_period.start,
        )  # fmt: skip
        made.append((b"dr/offer/ra-1/" + home.encode(), encode(offer)))
    return made


async def asked_of_all(broker: Broker, homes: int) -> tuple[RawClient, list[tuple[bytes, bytes]]]:
    """Ask the aggregator as its parent would, and hear what it asks of every home."""
    requests: list[tuple[bytes, bytes]] = []
    complete = asyncio.Event()

    def heard(topic: bytes, payload: bytes) -> None:
        if payload:
            requests.append((topic, payload))
        if len(requests) == homes:
            complete.set()

    crowd = await RawClient("crowd", heard).connect(broker.host, broker.port, ["dr/request/ra-1/+"])
    parent = await RawClient("ac-asks").connect(broker.host, broker.port)
    parent.publish(b"dr/request/ac/ra-1", encode(asked(homes)), QOS1 | RETAIN)
    async with asyncio.timeout(LONG_S):
        await complete.wait()
    parent.close()
    return crowd, requests


async def take_all(broker: Broker, ra: Daemon, homes: int) -> tuple[Taken, list[tuple[bytes, bytes]]]:
    """One negotiation up to the aggregator's own offer; the offers that were sent, too."""
    answered = asyncio.Event()
    parent = await RawClient("ac", lambda topic, payload: answered.set()).connect(
        broker.host, broker.port, ["dr/offer/ac/ra-1", "dr/alternative/ac/ra-1"]
    )
    rss_before, cpu_before = ra.rss(), ra.cpu_s()
    crowd, requests = await asked_of_all(broker, homes)
    posts = offers(requests)
    made = frames(posts)
    asked_cpu = ra.cpu_s()
    began = time.perf_counter()
    await crowd.publish_all(made)
    async with asyncio.timeout(LONG_S):
        await answered.wait()
    seconds = time.perf_counter() - began
    cpu = ra.cpu_s()
    taken = Taken(seconds, cpu - asked_cpu, cpu - cpu_before, rss_before, ra.rss())
    crowd.close()
    parent.close()
    return taken, posts


@asynccontextmanager
async def running_aggregator(homes: int, root: Path = HERE) -> AsyncIterator[tuple[Broker, Daemon]]:
    """A fresh broker and a fresh aggregator with so many members."""
    with tempfile.TemporaryDirectory(prefix="gridpact-bench-") as name:
        folder = Path(name)
        book(folder, homes)
        async with private_broker() as broker:
            config = base_config("ra-1", broker.port, folder) | {
                "aggregator": {"name": "ra-1", "parent": "ac", "members_file": "members.csv"}
            }
            async with daemon("aggregator", "ra-1", config, folder, root) as ra:
                await ra.ready()
                yield broker, ra


async def ours(homes: int, root: Path = HERE) -> tuple[Taken, list[tuple[bytes, bytes]]]:
    """A fresh broker, a fresh daemon, one negotiation."""
    async with running_aggregator(homes, root) as (broker, ra):
        return await take_all(broker, ra, homes)


async def theirs(posts: Sequence[tuple[bytes, bytes]]) -> float:
    """Seconds that the stream takes to mosquitto_sub."""
    made = frames([(topic.replace(b"/ra-1/", b"/ra-0/"), payload) for topic, payload in posts])
    async with private_broker() as broker:
        crowd = await RawClient("crowd").connect(broker.host, broker.port)
        crowd.publish(b"dr/offer/ra-0/first", b"it has subscribed when it hears this", QOS1 | RETAIN)
        process = await asyncio.create_subprocess_exec(
            *("mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "dr/offer/ra-0/+"),
            *("-C", str(len(posts) + 1), "-F", "%l"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        began = time.perf_counter()
        sending = asyncio.create_task(crowd.publish_all(made))
        async with asyncio.timeout(LONG_S):
            await process.stdout.read()
        seconds = time.perf_counter() - began
        await process.wait()
        await sending
        crowd.close()
        return seconds


async def pairs(homes: int, rounds: int, root: Path = HERE) -> tuple[list[tuple[float, float]], list[Taken]]:
    """Offers a second, ours and theirs, round by round; and what ours cost."""
    found: list[tuple[float, float]] = []
    costs: list[Taken] = []
    for _ in range(rounds):
        taken, posts = await ours(homes, root)
        their_s = await theirs(posts)
        found.append((homes / taken.seconds, homes / their_s))
        costs.append(taken)
    return found, costs


async def rows(quick: bool) -> list[Row]:
    """The group's rows."""
    homes = 5_000 if quick else 20_000
    measured, _ = await pairs(homes, 3)
    return [row("ingest", homes, measured, "offers/s", "mosquitto_sub -q 1 (C)")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--root", type=Path, default=HERE, help="the checkout whose daemon is measured")
    given = parser.parse_args()
    measured, costs = asyncio.run(pairs(given.homes, given.rounds, given.root.resolve()))
    for (ours_a_s, theirs_a_s), cost in zip(measured, costs, strict=True):
        cpu_us = cost.offers_cpu_s / given.homes * 1e6
        print(f"{ours_a_s:.0f} offers/s, {cpu_us:.0f} us of processor time each; mosquitto_sub {theirs_a_s:.0f}/s")
    show([row("ingest", given.homes, measured, "offers/s", "mosquitto_sub -q 1 (C)")], machine())


if __name__ == "__main__":
    main()
