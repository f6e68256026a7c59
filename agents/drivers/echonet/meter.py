"""A low-voltage smart meter: read only, but that it is told of which day it is to say what it keeps."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.echonet import codes
from agents.drivers.echonet.device import EchonetDevice
from agents.drivers.echonet.history import KeptCount, clock_of, counts_of, days_since, is_off, kept_of
from agents.drivers.echonet.node import EchonetNode, NodeSilent
from agents.drivers.echonet.options import EchonetOptions
from agents.drivers.register import KEPT

TOLD = 3
"""So many readings carry what it keeps: one of them may be lost."""
FIRST = timedelta(days=1)
"""At the first contact what it has kept of so long is wanted: a slot of an earlier life of ours may be asked for."""
AGAIN_S = 60.0
"""A meter that was silent, or busy, when it was asked for it, is asked again after so long."""

log = structlog.get_logger("gridpact.drivers")


def _nothing() -> None:
    """Nobody waits for what it keeps."""


class EchonetMeter(EchonetDevice):
    """What it has counted while nobody heard it, it is asked for behind a gap, and at the first contact."""

    def __init__(self, options: EchonetOptions, node: EchonetNode) -> None:
        super().__init__(options, node)
        self._zone = ZoneInfo(options.zone)
        self._heard_at: datetime | None = None
        self._missed_since: datetime | None = None
        """Since when what it keeps is wanted."""
        self._asked_at = float("-inf")
        self._kept: tuple[tuple[datetime, float], ...] = ()
        self._tells = 0
        self.missed: Callable[[], None] = _nothing
        """Called where it should be asked for what it keeps."""

    async def read(self) -> DeviceReading:
        """Raises DeviceTrouble."""
        reading = await super().read()
        if reading.register_wh is not None:
            self._mind_gap(datetime.now(UTC))
        if not self._tells:
            return reading
        self._tells -= 1
        return replace(reading, kept=self._kept)

    def _mind_gap(self, now: datetime) -> None:
        gap = timedelta(seconds=self.options.silent_after_s)
        before, self._heard_at = self._heard_at, now
        if before is None or now - before > gap:
            first = now - FIRST if before is None else max(before, now - KEPT)
            self._missed_since = first if self._missed_since is None else min(first, self._missed_since)
        if self._missed_since is not None and time.monotonic() - self._asked_at >= AGAIN_S:
            self.missed()

    async def recall(self) -> None:
        """Ask it for what it has kept since it was heard. Raises NodeSilent; it is asked again then."""
        since = self._missed_since
        if since is None:
            return
        self._asked_at = time.monotonic()
        try:
            found = await self._recalled(since)
        except NodeSilent:
            raise
        except DeviceTrouble as error:
            log.info("meter_keeps_nothing", node=self.node.host, text=str(error))
            found = []
        self._missed_since = None
        self._kept = self._meaning.kept_wh([one for one in found if one.at >= since])
        self._tells = TOLD if self._kept else 0

    async def _recalled(self, since: datetime) -> list[KeptCount]:
        """Each question by itself: others wait for the meter as well. Raises DeviceTrouble."""
        told = await self._one((codes.DATE, codes.TIME))
        clock, now = clock_of(told, self._zone), datetime.now(UTC)
        if clock is None:
            raise DeviceTrouble("it does not say what its clock shows")
        if is_off(clock, now):
            raise DeviceTrouble(f"its clock shows {clock:%Y-%m-%d %H:%M}: nobody knows when its half hours were")
        found: list[KeptCount] = []
        for day in days_since(since, clock, self._zone):
            async with self.node.serial:
                if await self._set(((codes.KEPT_DAY, bytes([day])),)):
                    raise DeviceTrouble("it refuses to say what it keeps")
            imported = counts_of(await self._one((codes.KEPT_IMPORTED,)), codes.KEPT_IMPORTED, day)
            exported = None
            if self._meaning.exports:
                exported = counts_of(await self._one((codes.KEPT_EXPORTED,)), codes.KEPT_EXPORTED, day)
            if imported is not None and (exported is not None or not self._meaning.exports):
                found += kept_of(clock.date() - timedelta(days=day), self._zone, imported, exported)
        return found

    async def _one(self, asked: tuple[int, ...]) -> dict[int, bytes]:
        async with self.node.serial:
            return await self._get(asked)
