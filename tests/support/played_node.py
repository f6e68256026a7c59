"""A node of our own making for tests: datagrams of ECHONET Lite read and written by hand, without the driver's codec."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

WITHIN_S = 5.0
SETC, GET, SETC_SNA, GET_SNA, SET_RES, GET_RES, INF, INFC = 0x61, 0x62, 0x51, 0x52, 0x71, 0x72, 0x73, 0x74
PROFILE = "0ef001"
IDENTITY = bytes.fromhex("fe00007700000000000000000000000007")
BATTERY, VEHICLE = "027d01", "027e01"


def property_map(codes: set[int]) -> bytes:
    """Fewer than 16 as a list, else as bits."""
    if len(codes) < 16:
        return bytes([len(codes), *sorted(codes)])
    rows = [0] * 16
    for code in codes:
        rows[code % 16] |= 1 << (code // 16 - 8)
    return bytes([len(codes), *rows])


class PlayedNode(asyncio.DatagramProtocol):
    """Answers what it is asked, and fails as it is told to."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[int, bytes]] = {PROFILE: {0x83: IDENTITY}}
        self.settable: dict[str, set[int]] = {}
        self.asked: list[tuple[int, str, dict[int, str]]] = []
        """Service, object, and values as hex by code; all that came, answered or not."""
        self.swallows = 0
        """So many requests are not answered."""
        self.late = 0
        """So many are answered only when the next one comes."""
        self.refuses: set[int] = set()
        self.does_nothing = False
        self.slow_s = 0.0
        """So long it takes to answer."""
        self.answers_no_setting = False
        self._late: list[tuple[bytes, Any]] = []
        self._transport: asyncio.DatagramTransport
        self._heard = asyncio.Event()
        self.raw: list[bytes] = []

    @classmethod
    async def open(cls, objects: Mapping[str, Mapping[int, str]], host: str = "127.0.0.2", port: int = 0) -> Self:
        """A node with objects, their values as hex digits."""
        made = cls()
        for eoj, values in objects.items():
            made.objects[eoj] = {code: bytes.fromhex(value) for code, value in values.items()}
        loop = asyncio.get_running_loop()
        made._transport, _ = await loop.create_datagram_endpoint(lambda: made, local_addr=(host, port))
        return made

    def close(self) -> None:
        """Be gone."""
        self._transport.close()

    @property
    def port(self) -> int:
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def can_set(self, eoj: str, *codes: int) -> None:
        """What its property map says."""
        self.settable[eoj] = set(codes)
        self.objects[eoj][0x9E] = property_map(set(codes))

    def tell(self, eoj: str, code: int, value: str, to: tuple[str, int], service: int = INF) -> None:
        """Announce a property."""
        edt = bytes.fromhex(value)
        frame = bytes.fromhex(f"10810007{eoj}05ff01") + bytes([service, 1, code, len(edt)]) + edt
        self._transport.sendto(frame, to)

    async def heard(self, times: int) -> None:
        """Until so many datagrams have come."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.raw) < times:
                self._heard.clear()
                await self._heard.wait()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.raw.append(data)
        self._heard.set()
        service, eoj = data[10], data[7:10].hex()
        properties, at = {}, 12
        for _ in range(data[11]):
            properties[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
            at += 2 + data[at + 1]
        if service not in (SETC, GET):
            return
        self.asked.append((service, eoj, {code: value.hex() for code, value in properties.items()}))
        if self.swallows:
            self.swallows -= 1
            return
        if self.answers_no_setting and service == SETC and 0xDA in properties:
            return
        esv, answered = self._set(eoj, properties) if service == SETC else self._get(eoj, properties)
        body = b"".join(bytes([code, len(value)]) + value for code, value in answered.items())
        answer = data[:4] + data[7:10] + data[4:7] + bytes([esv, len(answered)]) + body
        if self.late:
            self.late -= 1
            self._late.append((answer, addr))
            return
        for one in [*self._late, (answer, addr)]:
            if self.slow_s:
                asyncio.get_running_loop().call_later(self.slow_s, self._transport.sendto, *one)
            else:
                self._transport.sendto(*one)
        self._late.clear()

    def _get(self, eoj: str, asked: Mapping[int, bytes]) -> tuple[int, dict[int, bytes]]:
        has = self.objects.get(eoj, {})
        given = {code: has.get(code, b"") for code in asked}
        return (GET_RES if all(given.values()) else GET_SNA), given

    def _set(self, eoj: str, asked: Mapping[int, bytes]) -> tuple[int, dict[int, bytes]]:
        able = self.settable.get(eoj, set()) - self.refuses
        if not self.does_nothing:
            self.objects.get(eoj, {}).update({code: value for code, value in asked.items() if code in able})
        left = {code: b"" if code in able else value for code, value in asked.items()}
        return (SETC_SNA if any(left.values()) else SET_RES), left
