"""An EcoCute: it takes no power, but an hour of the day at which it heats instead of at night (energy shift)."""

from datetime import datetime, timedelta

from agents.drivers.contract import DeviceTrouble
from agents.drivers.echonet import codes
from agents.drivers.echonet.device import EchonetDevice

FIRST_HOUR, LAST_HOUR = 9, 17
HALF_AN_HOUR = timedelta(minutes=30)


class EchonetWaterHeater(EchonetDevice):
    """One object of a node."""

    async def set_power(self, power_w: int) -> None:
        """Let it heat from the hour on at which the power begins. Raises DeviceTrouble."""
        begins_at = datetime.now().astimezone() + timedelta(seconds=self.options.lead_s)
        writes = ((codes.SHIFTS, codes.SHIFTED), (codes.SHIFT_HOUR, bytes([shift_hour(power_w, begins_at)])))
        assert self._memory is not None
        async with self.node.serial:
            if self._memory.load() is None:
                self._memory.keep(await self._get([code for code, _ in writes]))
            await self._write(writes)

    async def release(self) -> None:
        """Write back what was found. Raises DeviceTrouble."""
        assert self._memory is not None
        async with self.node.serial:
            found = self._memory.load()
            if found is not None:
                await self._write(tuple(found.items()))
                self._memory.drop()


def shift_hour(power_w: int, begins_at: datetime) -> int:
    """The hour that is nearest to a power's beginning, by the clock of where the device is. Pure. Raises DeviceTrouble."""
    if power_w <= 0:
        raise DeviceTrouble(
            "a water heater is told when it heats, and never a power: it cannot be held at 0 W or below"
        )
    hour = (begins_at + HALF_AN_HOUR).hour
    if not FIRST_HOUR <= hour <= LAST_HOUR:
        raise DeviceTrouble(
            f"a water heater shifts its heating to {FIRST_HOUR}:00 to {LAST_HOUR}:00 only, not to {begins_at:%H:%M}"
        )
    return hour
