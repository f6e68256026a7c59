"""An ECHONET Lite node with the physics of a home: a vehicle, a battery and a solar plant that do what their properties say, and
a meter of the vehicle. Its hours pass faster by a factor."""

import asyncio
from collections.abc import Mapping
from typing import Self

from played_node import BATTERY, VEHICLE, PlayedNode

SOLAR, METER = "027901", "028801"
CHARGING, DISCHARGING = b"\x42", b"\x43"
UNITS = {1: b"\x03", 100: b"\x01"}
"""Of the meter, by its step in Wh."""
OWN_W, SUN_W = 3_000, 500
OBJECTS: Mapping[str, Mapping[int, str]] = {
    VEHICLE: {0x88: "42", 0xC7: "43", 0xDA: "42", 0xDB: "00", 0xE2: "00007530", 0xEB: "00000BB8", 0xEC: "00000BB8",
              0xDC: "03", 0xDD: "03"},
    BATTERY: {0x88: "42", 0xDA: "44", 0xDB: "00", 0xE2: "00003A98", 0xEB: "000007D0", 0xEC: "000007D0", 0xC1: "03",
              0xC2: "03"},
    SOLAR: {0x88: "42", 0xE0: f"{SUN_W:04X}"},
    METER: {0x88: "42", 0xD3: "00000001", 0xE1: "03"},
}  # fmt: skip
SETTABLE = {VEHICLE: (0xDA, 0xEB, 0xEC, 0xDC, 0xDD), BATTERY: (0xDA, 0xEB, 0xEC, 0xC1, 0xC2)}


class PhysicalNode(PlayedNode):
    """What it does shows in its registers."""

    def __init__(self) -> None:
        super().__init__()
        self._speed, self._at = 1.0, 0.0
        self._wh = {name: [0.0, 0.0] for name in (VEHICLE, BATTERY, SOLAR)}
        """Taken and given, by object."""
        self.meter_step_wh = 1
        self.modes: dict[str, list[str]] = {VEHICLE: [], BATTERY: []}
        """Those that it was told."""

    @classmethod
    async def begun(cls, host: str, speed: float) -> Self:
        """A node whose hours pass so fast."""
        made = await cls.open(OBJECTS, host)
        made._speed, made._at = speed, asyncio.get_running_loop().time()
        for eoj, codes in SETTABLE.items():
            made.can_set(eoj, *codes)
        return made

    def power_w(self, eoj: str) -> float:
        """What flows there, + = import."""
        if eoj == SOLAR:
            return -SUN_W
        values = self.objects[eoj]
        mode = values[0xDA]
        amount = 0xEB if mode == CHARGING else 0xEC
        sign = {CHARGING: 1, DISCHARGING: -1}.get(mode, 0)
        return float(sign * int.from_bytes(values[amount], "big"))

    def start_anew(self) -> None:
        """As after a power cut: it does what it does by itself."""
        self._flow()
        self.objects[VEHICLE][0xDA] = CHARGING

    def reset_registers(self, at_wh: float = 0.0) -> None:
        """They count from here."""
        self._flow()
        self._wh = {name: [at_wh, at_wh] for name in self._wh}

    def _flow(self) -> None:
        before, self._at = self._at, asyncio.get_running_loop().time()
        hours = (self._at - before) * self._speed / 3_600
        for eoj, moved in self._wh.items():
            power_w = self.power_w(eoj)
            moved[power_w < 0] += abs(power_w) * hours
        self._tell()

    def _tell(self) -> None:
        (taken, given), store, (_, made) = (self._wh[eoj] for eoj in (VEHICLE, BATTERY, SOLAR))
        for eoj in (VEHICLE, BATTERY):
            self.objects[eoj][0xD3] = round(self.power_w(eoj)).to_bytes(4, "big", signed=True)
        self.objects[VEHICLE] |= {0xD8: _wh(taken), 0xD6: _wh(given)}
        self.objects[BATTERY] |= {0xA8: _wh(store[0]), 0xA9: _wh(store[1])}
        self.objects[SOLAR][0xE1] = _wh(made)
        step_wh = self.meter_step_wh
        self.objects[METER] |= {0xE1: UNITS[step_wh], 0xE0: _wh(taken // step_wh), 0xE3: _wh(given // step_wh)}

    def _get(self, eoj: str, asked: Mapping[int, bytes]) -> tuple[int, dict[int, bytes]]:
        self._flow()
        return super()._get(eoj, asked)

    def _set(self, eoj: str, asked: Mapping[int, bytes]) -> tuple[int, dict[int, bytes]]:
        self._flow()
        if 0xDA in asked:
            self.modes[eoj].append(asked[0xDA].hex())
        return super()._set(eoj, asked)


def _wh(energy: float) -> bytes:
    return round(energy).to_bytes(4, "big")
