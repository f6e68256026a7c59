"""Which ECHONET Lite nodes are there: all of them are asked at once by multicast, or some by their addresses."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.drivers.echonet import codes
from agents.drivers.echonet.codes import CLASSES
from agents.drivers.echonet.frame import CONTROLLER, NODE_PROFILE, EchonetFrame, FrameError, Service, decoded
from agents.drivers.echonet.options import OwnAddress
from agents.drivers.echonet.post import GROUP

MAKER, INSTANCES = 0x8A, 0xD6
ASKED = (codes.IDENTITY, MAKER, INSTANCES)
ANSWERED = (Service.GET_RES, Service.GET_SNA)
TRIES = 2


@dataclass(frozen=True, slots=True)
class FoundNode:
    """As its node profile tells it."""

    host: str
    identity: str
    """As hex digits; empty: it says none."""
    maker: str
    """The code of the consortium for it, as hex digits."""
    objects: tuple[int, ...]
    """Class group, class and instance of each."""

    def readable(self) -> tuple[tuple[str, int], ...]:
        """The objects that the driver knows: name and instance."""
        names = {code: name for name, code in CLASSES.items()}
        return tuple((names[eoj >> 8], eoj & 0xFF) for eoj in self.objects if eoj >> 8 in names)


async def found_nodes(own: OwnAddress, hosts: Sequence[str], port: int, seconds: float) -> list[FoundNode]:
    """Those that answer within so many seconds; without `hosts` all of the local network. Raises OSError."""
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(_Answers, local_addr=own)
    try:
        frame = EchonetFrame(1, CONTROLLER, NODE_PROFILE, Service.GET, tuple((code, b"") for code in ASKED)).encoded()
        for _ in range(TRIES):
            for host in hosts or (GROUP,):
                transport.sendto(frame, (host, port))
            await asyncio.sleep(seconds / TRIES)
        return sorted(heard.found.values(), key=lambda one: one.host)
    finally:
        transport.close()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.found: dict[str, FoundNode] = {}

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            frame = decoded(data)
        except FrameError:
            return
        if frame.source >> 8 == NODE_PROFILE >> 8 and frame.service in ANSWERED:
            self.found[addr[0]] = node_of(addr[0], frame)


def node_of(host: str, frame: EchonetFrame) -> FoundNode:
    """What a node profile's answer says."""
    values = frame.values()
    listed = values.get(INSTANCES, b"")[1:]
    objects = tuple(int.from_bytes(listed[at : at + 3], "big") for at in range(0, len(listed) // 3 * 3, 3))
    return FoundNode(host, values.get(codes.IDENTITY, b"").hex(), values.get(MAKER, b"").hex(), objects)
