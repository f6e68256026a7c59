"""What certificates and an access list cost: `python bench/door.py [--offers N] [--rounds N]`.

A home publishes N offers to its aggregator through our carriers, both in this process, on the loopback Mosquitto of the
demonstration and on the one that `gridpact broker init` writes: mutual TLS, and a list with 10,000 parties in its book.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from agents.tools.access.authority import Authority
from agents.tools.access.broker_files import CONF, BrokerFiles
from agents.tools.access.bundle import write_bundle
from agents.tools.access.certificates import utc_now
from agents.tools.access.plan import AccessPlan
from bench.measure import Row, machine, row, show
from broker.address import Address
from broker.bus import Arrival, Post
from broker.mosquitto import free_port, private_broker, started_broker
from broker.mqtt import MqttBus

HOST, RA, HOME = "127.0.0.1", "ra-1", "hems-000001"
PARTIES = 10_000
PAYLOAD = b"x" * 300
WARM_UP = 2_000
LONG_S = 120


@asynccontextmanager
async def hardened() -> AsyncIterator[Address]:
    """The address of a broker with certificates, for whoever has a bundle."""
    with tempfile.TemporaryDirectory(prefix="gridpact-bench-door-") as name:
        folder = Path(name)
        Authority.create(folder / "ca", "bench", utc_now())
        names = ",".join(f'{{name="hems-{number:06}"}}' for number in range(PARTIES))
        book = folder / "ra-1.toml"
        book.write_text(f'[aggregator]\nname = "{RA}"\nparent = "ac"\nmembers = [{names}]\n')
        given = {"books": (book,), "ca": folder / "ca", "hosts": (HOST,), "bind": HOST, "port": free_port()}
        files = BrokerFiles(folder / "mosquitto", AccessPlan.model_validate(given | {"password_port": None}))
        files.write(utc_now())
        conf = files.folder / CONF
        if os.geteuid() == 0:
            conf.write_text(f"{conf.read_text()}user root\n")
        for party in (RA, HOME):
            pair = files.authority.client(party, utc_now())
            write_bundle(folder / party, [HOST], files.plan.port, files.authority.certificate_pem, pair=pair)
        bundle = folder / "{name}"
        async with started_broker(conf, files.plan.port):
            certificate, key = bundle / "party.crt", bundle / "party.key"
            yield Address(HOST, files.plan.port, ca=folder / "ca/ca.crt", certificate=certificate, key=key)


async def offers_a_second(address: Address, count: int) -> float:
    """From the first one handed over to the last one heard."""
    ready, there, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    heard = 0

    async def hear(arrivals: Sequence[Arrival]) -> None:
        nonlocal heard
        heard += len(arrivals)
        for arrival in arrivals:
            arrival.acknowledge()
        if heard >= count:
            done.set()

    async def nothing(arrivals: Sequence[Arrival]) -> None: ...

    ra = MqttBus(address, RA, (f"dr/offer/{RA}/+",), on_connected=lambda up: ready.set(), crowd=True)
    home = MqttBus(address, HOME, (), on_connected=lambda up: there.set(), crowd=True)
    running = [asyncio.create_task(ra.run(hear)), asyncio.create_task(home.run(nothing))]
    async with asyncio.timeout(LONG_S):
        await asyncio.gather(ready.wait(), there.wait())  # a handshake is no part of what is measured
        post = Post(f"dr/offer/{RA}/{HOME}", PAYLOAD)
        began = time.perf_counter()
        for _ in range(count):
            await home.publish(post)
        await done.wait()
    seconds = time.perf_counter() - began
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return count / seconds


async def pairs(count: int, rounds: int) -> list[tuple[float, float]]:
    """Behind the door, and plain, round by round: each first in every other round, on brokers that stay."""
    found = []
    async with hardened() as address, private_broker() as broker:
        plain = Address(broker.host, broker.port)
        for one in (address, plain):
            await offers_a_second(one, WARM_UP)
        for number in range(rounds):
            ways = (address, plain) if number % 2 else (plain, address)
            rates = {one: await offers_a_second(one, count) for one in ways}
            found.append((rates[address], rates[plain]))
    return found


async def rows(quick: bool) -> list[Row]:
    """The group's row."""
    return [await measured(5_000, 5) if quick else await measured(20_000, 11)]


async def measured(count: int, rounds: int) -> Row:
    return row("mutual TLS and access list", count, await pairs(count, rounds), "messages/s", "the same without")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offers", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=11)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measured(given.offers, given.rounds))
    show([found], machine())


if __name__ == "__main__":
    main()
