"""Homes that cost next to nothing: one raw connection answers for all of them, each as the protocol has it.

What an aggregator hears from it is what it hears from real homes: offers of their own, relaxed offers, confirmations,
each with ids of its own. Only the homes' computations are missing, so a bench measures the agents above them.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

import orjson

from bench.ingest import LONG_S, asked
from bench.wire import QOS1, RETAIN, RawClient
from protocol.codec import encode

KINDS = ("request", "relax", "award")


class Crowd:
    """All homes below some aggregators. They offer a share of what is asked, and a larger one when they may relax."""

    def __init__(self, parents: Sequence[str], own_pct: int = 100, relaxed_pct: int = 100) -> None:
        self.parents, self.own_pct, self.relaxed_pct = tuple(parents), own_pct, relaxed_pct
        self.counts: Counter[str] = Counter()
        self.samples: dict[str, tuple[bytes, bytes]] = {}
        """One topic and payload of each kind, `relaxed` for the second offer."""
        self._requests: dict[bytes, dict[str, object]] = {}
        self._client = RawClient("crowd", self._heard)
        self._asked: Callable[[], None] = lambda: None

    async def connect(self, host: str, port: int) -> "Crowd":
        filters = [f"dr/{kind}/{parent}/+" for parent in self.parents for kind in KINDS]
        await self._client.connect(host, port, filters)
        return self

    def close(self) -> None:
        self._client.close()

    async def until(self, kind: str, count: int) -> None:
        """Until so many of a kind were heard or said."""
        done = asyncio.Event()
        self._asked = lambda: done.set() if self.counts[kind] >= count else None
        self._asked()
        await done.wait()

    def _heard(self, topic: bytes, payload: bytes) -> None:
        if not payload:
            return
        _, kind, parent, home = topic.split(b"/")
        body = orjson.loads(payload)
        self._count(kind.decode(), topic, payload)
        if kind == b"request":
            self._requests[home] = body
            self._offer(parent, home, body, self.own_pct, "own", 1)
        elif kind == b"relax":
            self._offer(parent, home, self._requests[home], self.relaxed_pct, "relaxed", 1)
        else:
            said = {"award_id": body["award_id"], "accepted": True}
            self._say("confirm", parent, home, body, said, f"{body['award_id']}.{body['revision']}", body["revision"])
        self._asked()

    def _offer(self, parent: bytes, home: bytes, request: dict, pct: int, basis: str, revision: int) -> None:  # type: ignore[type-arg]
        power_w = [power * pct // 100 for power in request["power_w"]]
        part = {"resource_id": f"ev-{home[-6:].decode()}", "kind": "vehicle", "power_w": power_w, "relaxable": True}
        said = {
            "opt": "opt_in",
            "opt_reason": "participating",
            "power_w": power_w,
            "available_w": power_w,
            "binding": ["reserve_soc"] * len(power_w),
            "basis": basis,
            "resources": [part],
            "valid_until": request["interval_period"]["start"],
        }
        self._say("offer", parent, home, request, said, f"{request['request_id']}.{basis}", revision, basis)

    def _say(
        self,
        kind: str,
        parent: bytes,
        home: bytes,
        to: dict,
        said: dict,
        ref: str,
        revision: int,
        basis: str = "",  # type: ignore[type-arg]
    ) -> None:
        head = {
            "version": "1.0",
            "message_id": f"{home.decode()}.{kind}.{ref}",
            "sent_at": to["sent_at"],
            "event_id": to["event_id"],
            "request_id": to["request_id"],
            "round": to["round"],
            "revision": revision,
        }
        topic, payload = b"dr/" + kind.encode() + b"/" + parent + b"/" + home, orjson.dumps(head | said)
        self._client.publish(topic, payload)
        self._count("relaxed" if basis == "relaxed" else kind, topic, payload)

    def _count(self, kind: str, topic: bytes, payload: bytes) -> None:
        self.counts[kind] += 1
        if kind not in self.samples:
            self.samples[kind] = (topic, payload)


async def collected_s(port: int, leaves: Sequence[str], homes: int) -> float:
    """Ask `ra-1` as its parent would, with a crowd below the `leaves`; seconds until it answers."""
    crowd = await Crowd(leaves).connect("127.0.0.1", port)
    answered = asyncio.Event()
    parent = RawClient("ac", lambda topic, payload: answered.set())
    await parent.connect("127.0.0.1", port, ["dr/offer/ac/ra-1", "dr/alternative/ac/ra-1"])
    began = time.perf_counter()
    parent.publish(b"dr/request/ac/ra-1", encode(asked(homes)), QOS1 | RETAIN)
    async with asyncio.timeout(LONG_S):
        await answered.wait()
    seconds = time.perf_counter() - began
    crowd.close()
    parent.close()
    return seconds
