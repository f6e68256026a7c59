"""The same work with what others offer: ask N, collect N answers.

Ours is the aggregator's daemon: it asks every home, validates every answer, keeps each in its journal, adds up, and
answers upward; the homes are the crowd of `bench/crowd.py`. The peers (bench/peers.txt, an environment of their own)
move the same question and the same answer and keep nothing: each a script in a process of its own that prints its
seconds, asked and asking in that one process.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from bench.crowd import collected_s
from bench.ingest import LONG_S, running_aggregator
from bench.measure import Row, row
from broker.mosquitto import free_port, private_broker

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE.parent / "build" / "peers"
PEERS = {"mango-agents": "peer_mango.py", "aiomqtt": "peer_aiomqtt.py", "openleadr": "peer_openleadr.py"}
OWN_SERVER = ("openleadr",)
"""Those that need no broker."""


def environment() -> Path:
    """The peers' Python; made on the first run. Raises CalledProcessError when they cannot be installed."""
    python, ready = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".ready"
    wanted = (HERE / "peers.txt").read_text()
    if not ready.exists() or ready.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "peers.txt")]
        subprocess.run(install, check=True)
        ready.write_text(wanted)
    return python


async def ours_s(homes: int) -> float:
    """Seconds from the request to the aggregator until its own offer."""
    async with running_aggregator(homes) as (broker, _):
        return await collected_s(broker.port, ["ra-1"], homes)


async def peer_s(python: Path, peer: str, homes: int) -> float:
    """Seconds as a peer's script tells them. Raises RuntimeError when it fails."""
    if peer in OWN_SERVER:
        return await _printed(python, peer, free_port(), homes)
    async with private_broker() as broker:
        return await _printed(python, peer, broker.port, homes)


async def _printed(python: Path, peer: str, port: int, homes: int) -> float:
    process = await asyncio.create_subprocess_exec(
        *(str(python), str(HERE / PEERS[peer]), str(port), str(homes)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONG_S):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError(f"{peer} with {homes} took longer than {LONG_S} s") from None
    if process.returncode:
        raise RuntimeError(f"{peer} with {homes}: {errors.decode(errors='replace')[-300:]}")
    return float(out.split()[-1])


async def rows(quick: bool) -> list[Row]:
    """A row for each peer and size."""
    python = environment()
    found: list[Row] = []
    for homes in (100, 1_000) if quick else (100, 1_000, 5_000):
        rounds = 1 if quick or homes > 1_000 else 3
        pairs: dict[str, list[tuple[float, float]]] = {peer: [] for peer in PEERS}
        for _ in range(rounds):
            ours = await ours_s(homes)
            for peer, measured in pairs.items():
                measured.append((ours, await peer_s(python, peer, homes)))
        found += [row("ask and collect", homes, pairs[peer], "s", peer) for peer in PEERS]
    return found
