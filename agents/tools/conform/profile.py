"""What a device says of itself, and how quick it is: the file of its maker that a trial begins with."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from agents.runtime.files.toml import read_toml
from agents.settings.checked import checked
from agents.settings.parties import Settings
from protocol.units import Direction, Name, PowerW

LEAST_SLOT_S, LONGEST_SLOT_S = 8, 3_600
CLEAR_WH, CLEAR_METERED_WH = 4, 2
"""Reports tell whole Wh: in a slot of less energy they would not tell a device that follows from one that does not."""
Within = Annotated[float, Field(gt=0, le=600)]


class DeviceFeature(StrEnum):
    """What a device may have, and need not."""

    RELAX = "relax"
    """Its owner has agreed to loosen something: it answers `relax`."""
    PRESENCE = "presence"
    """It tells when it is there, and by its last will when it is gone."""
    CAPABILITY = "capability"
    """It tells what it could probably give."""
    ANSWERS_DISPATCH = "answers_dispatch"
    """It says at once that it has a dispatch."""
    METER = "meter"
    """A meter beside it tells its power: `meter_topic`."""


class DeviceProfile(Settings):
    """[device]"""

    name: Name
    parent: Name = "ra-1"
    resources: Annotated[tuple[Name, ...], Field(min_length=1)]
    """As they would stand in the parent's book."""
    decrease_load_w: PowerW = 0
    """What it can give at most, W."""
    increase_load_w: PowerW = 0
    features: tuple[DeviceFeature, ...] = ()
    meter_topic: Annotated[str, Field(pattern=r"^[^+#]{1,200}$")] | None = None
    """Where a meter that is not the device's own word publishes its power, signed W as text, + = import."""
    answers_within_s: Within = 2.0
    reports_within_s: Within = 5.0
    """After the end of a slot."""
    ramps_within_s: Within = 0.5
    """Until the power is as it was dispatched."""
    starts_within_s: Within = 20.0
    """Until it answers after a start."""
    returns_within_s: Within = 40.0
    """Until it answers after the broker was gone."""
    slot_s: Annotated[int, Field(ge=LEAST_SLOT_S, le=LONGEST_SLOT_S)] | None = None
    """Of the slots in which power is judged; None: as long as it takes for clear reports."""

    @model_validator(mode="after")
    def _gives(self) -> Self:
        if not self.decrease_load_w and not self.increase_load_w:
            raise ValueError("decrease_load_w or increase_load_w has to be above 0")
        if (DeviceFeature.METER in self.features) != (self.meter_topic is not None):
            raise ValueError("the feature 'meter' and meter_topic belong together")
        return self

    @property
    def first(self) -> Direction:
        """The direction that most is tried in."""
        return Direction.DECREASE_LOAD if self.decrease_load_w else Direction.INCREASE_LOAD

    @property
    def other(self) -> Direction:
        return Direction.INCREASE_LOAD if self.first is Direction.DECREASE_LOAD else Direction.DECREASE_LOAD

    def most_w(self, direction: Direction) -> int:
        """What it can give at most in a direction, W."""
        return self.decrease_load_w if direction is Direction.DECREASE_LOAD else self.increase_load_w

    @property
    def power_slot_s(self) -> int:
        """Seconds of a slot in which power is judged."""
        if self.slot_s is not None:
            return self.slot_s
        clear_wh = CLEAR_WH if self.meter_topic is None else CLEAR_METERED_WH
        clear_s = -(-clear_wh * 3600 // self.most_w(self.first))
        return min(LONGEST_SLOT_S, max(LEAST_SLOT_S, clear_s))


def load_profile(path: Path) -> DeviceProfile:
    """The profile of a file. Raises ConfigError."""
    return checked(DeviceProfile, read_toml(path).get("device", {}), f"{path}: device")
