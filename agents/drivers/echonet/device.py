"""One object of a node: read, set and looked at again, given back."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agents.drivers.contract import DeviceReading, DeviceTrouble
from agents.drivers.echonet import codes
from agents.drivers.echonet.codes import mode_name
from agents.drivers.echonet.meaning import Meaning
from agents.drivers.echonet.memory import FoundValues
from agents.drivers.echonet.node import EchonetNode
from agents.drivers.echonet.options import EchonetOptions
from agents.drivers.echonet.relays import SeenRelay
from agents.drivers.echonet.setting import Writes, touched, writes_for

LOOKS = 3
GIVEN_BACK = (b"\x41", b"\x42", b"\x43", b"\x44", b"\x46", b"\x47")
"""Modes that can be set; out of any other one it is given back as standby."""


class EchonetDevice:
    """Everything happens on the loop of its node."""

    def __init__(self, options: EchonetOptions, node: EchonetNode) -> None:
        self.options, self.node = options, node
        self._meaning = Meaning(options)
        self._memory = None if options.memory is None else FoundValues(options.memory)
        self._held: bytes | None = None
        """The mode that it has been told to be in."""
        self._confirmed_at: float | None = None
        memory = options.memory
        self._relays: SeenRelay | None = None
        if options.object == "vehicle" and memory is not None:
            self._relays = SeenRelay(memory.with_name(memory.name + ".relay"))
        if options.identity is not None:
            node.identity = bytes.fromhex(options.identity)

    @property
    def is_held(self) -> bool:
        """It follows us, or what an earlier life has told it."""
        return self._memory is not None and self._memory.is_kept

    async def read(self) -> DeviceReading:
        """Raises DeviceTrouble."""
        async with self.node.serial:
            await self.node.recognise(self.options.patience_s)
            await self._confirm()
            values = await self._get(codes.ASKED[self.options.object])
        reading = self._meaning.reading(values)
        mode = values.get(codes.MODE)
        if self._relays is not None:
            operations = self._relays.note(
                codes.unsigned(values, codes.MODE, 1, 0xFF), datetime.now().astimezone().date()
            )
            reading = replace(reading, relay_ops_today=operations, relay_ops_counted=True)
        if self._held is None or mode is None or mode == self._held or reading.fault or reading.plugged is False:
            return reading
        text = f"does not follow: its mode is {mode_name(mode)}, it was told {mode_name(self._held)}"
        return replace(reading, fault=text)

    async def _confirm(self) -> None:
        """A vehicle charger looks which vehicle is there only when it is told to."""
        now = time.monotonic()
        last = self._confirmed_at
        if self.options.object == "vehicle" and (last is None or now - last >= self.options.confirm_s):
            await self._set(((codes.CONFIRM, codes.CONFIRMED),))  # one that does not know it refuses it
            self._confirmed_at = now

    async def set_power(self, power_w: int) -> None:
        """Raises DeviceTrouble."""
        if self._memory is None:
            raise DeviceTrouble(f"a {self.options.object} is read only")
        async with self.node.serial:
            asked = touched(self.options, _ALL)
            values = await self._get((codes.SET_MAP, codes.GRID, *asked))
            self._mind_grid(power_w, values)
            settable = codes.codes_of(values.get(codes.SET_MAP, b""))
            writes = writes_for(power_w, self.options, settable)
            self._remember(values, touched(self.options, settable))
            self._held = dict(writes)[codes.MODE]
            await self._write(writes)

    async def _write(self, writes: Writes) -> None:
        """Set, and look whether it was done. Raises DeviceTrouble."""
        if refused := await self._set(writes):
            named = ", ".join(f"0x{code:02X}" for code in refused)
            raise DeviceTrouble(f"node {self.node.host} refuses to set {named}")
        await self._look(writes)

    def _mind_grid(self, power_w: int, values: dict[int, bytes]) -> None:
        if values.get(codes.GRID) == codes.INDEPENDENT:
            raise DeviceTrouble("it runs apart from the grid: nothing is set")
        if power_w < 0 and self._meaning.is_kept_in(values):
            raise DeviceTrouble(
                "it must not feed in (0xDB), how much it discharges the house decides: say within_load = true to let it"
            )

    def _remember(self, values: dict[int, bytes], written: tuple[int, ...]) -> None:
        """What it did by itself; what an earlier life has found counts more."""
        assert self._memory is not None
        if self._memory.load() is not None:
            return
        if codes.MODE not in values:
            raise DeviceTrouble("it does not say in which mode it is: it could not be given back")
        found = {code: values[code] for code in written if code in values}
        amounts = (codes.CHARGE_W, codes.DISCHARGE_W)
        none = [code for code in amounts if code in found and codes.unsigned(found, code, 4, codes.MOST) is None]
        self._memory.keep({code: value for code, value in found.items() if code not in none})

    async def _look(self, writes: Writes) -> None:
        """Whether it has done what it says. Raises DeviceTrouble."""
        values: dict[int, bytes] = {}
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(self.options.settles_s)
            values = await self._get([code for code, _ in writes])
            if all(values.get(code) == value for code, value in writes):
                return
        mode, told = values.get(codes.MODE), dict(writes).get(codes.MODE)
        if told is not None and mode != told:
            raise DeviceTrouble(
                f"node {self.node.host} says that it has taken {mode_name(told)}, and its mode is {mode_name(mode)}"
            )
        others = ", ".join(f"0x{code:02X}" for code, value in writes if values.get(code) != value)
        raise DeviceTrouble(f"node {self.node.host} says that it has taken {others}, and has something else there")

    async def release(self) -> None:
        """Write back what was found. Raises DeviceTrouble."""
        if self._memory is None:
            return
        async with self.node.serial:
            self._held = None
            found = self._memory.load()
            if found is None:
                return
            mode = found.get(codes.MODE)
            found[codes.MODE] = back = mode if mode in GIVEN_BACK and mode is not None else codes.STANDBY
            refused = await self._set(tuple(found.items()))
            if codes.MODE in refused:
                raise DeviceTrouble(f"node {self.node.host} refuses to go back to {mode_name(back)}")
            await self._look(((codes.MODE, back),))
            self._memory.drop()

    async def _get(self, asked: Sequence[int]) -> dict[int, bytes]:
        return await self.node.get(self.options.eoj, asked, self.options.patience_s)

    async def _set(self, writes: Writes) -> tuple[int, ...]:
        return await self.node.set(self.options.eoj, writes, self.options.patience_s)


_ALL = frozenset(range(0x80, 0x100))
