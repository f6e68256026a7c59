"""Frames of ECHONET Lite, format 1: bytes become a frame and a frame becomes bytes. Pure."""

from dataclasses import dataclass
from enum import IntEnum

HEAD = b"\x10\x81"
"""ECHONET Lite, specified message format."""
LEAST_BYTES = 12
NODE_PROFILE = 0x0EF001
CONTROLLER = 0x05FF01
"""As which we ask."""


class Service(IntEnum):
    """What a frame wants or answers (ESV)."""

    SETC_SNA = 0x51
    GET_SNA = 0x52
    INFC_SNA = 0x53
    SETC = 0x61
    GET = 0x62
    SET_RES = 0x71
    GET_RES = 0x72
    INF = 0x73
    INFC = 0x74
    INFC_RES = 0x7A


class FrameError(ValueError):
    """Bytes that are no frame that is read here."""


@dataclass(frozen=True, slots=True)
class EchonetFrame:
    """One message: objects are class group, class and instance in one number, as 0x027D01."""

    tid: int
    source: int
    target: int
    service: Service
    properties: tuple[tuple[int, bytes], ...]
    """Code (EPC) and value (EDT); empty where none is given."""

    def encoded(self) -> bytes:
        """Its bytes."""
        head = HEAD + self.tid.to_bytes(2, "big") + self.source.to_bytes(3, "big") + self.target.to_bytes(3, "big")
        body = b"".join(bytes((code, len(value))) + value for code, value in self.properties)
        return head + bytes((self.service, len(self.properties))) + body

    def values(self) -> dict[int, bytes]:
        """The properties that have a value."""
        return {code: value for code, value in self.properties if value}


def decoded(data: bytes) -> EchonetFrame:
    """A frame of its bytes. Raises FrameError."""
    if len(data) < LEAST_BYTES or data[:2] != HEAD:
        raise FrameError("no ECHONET Lite frame of format 1")
    try:
        service = Service(data[10])
    except ValueError:
        raise FrameError(f"service 0x{data[10]:02X} is none that is read here") from None
    properties, at = [], LEAST_BYTES
    for _ in range(data[11]):
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise FrameError("the frame ends within its properties")
        properties.append((data[at], data[at + 2 : at + 2 + data[at + 1]]))
        at += 2 + data[at + 1]
    if at != len(data):
        raise FrameError("the frame goes on behind its properties")
    source, target = int.from_bytes(data[4:7], "big"), int.from_bytes(data[7:10], "big")
    return EchonetFrame(int.from_bytes(data[2:4], "big"), source, target, service, tuple(properties))
