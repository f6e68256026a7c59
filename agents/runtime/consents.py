"""What a member agrees to, by the names on the command line."""

from enum import StrEnum

from protocol.words import Restriction


class ConsentPurpose(StrEnum):
    """What a member agrees to."""

    CONTROL = "control"
    """That its devices are commanded at all."""
    METERING = "metering"
    """That its meter is read for the settlement."""
    DEPARTURE_SOC = Restriction.DEPARTURE_SOC
    RESERVE_SOC = Restriction.RESERVE_SOC
    POWER_LIMIT = Restriction.POWER_LIMIT
    RELAY_OPS = Restriction.RELAY_OPS
    PLUG_WINDOW = Restriction.PLUG_WINDOW
    COMFORT = Restriction.COMFORT

    @property
    def loosens(self) -> Restriction | None:
        """What it lets be loosened; None: nothing."""
        return Restriction(self.value) if self.value in Restriction.__members__.values() else None
