"""Who answers for the devices when a recording is taken again with other settings."""

from enum import StrEnum


class Devices(StrEnum):
    ALIVE = "alive"
    """They compute again, from the settings in the recording."""
    RECORDED = "recorded"
    """They say what they said then."""
