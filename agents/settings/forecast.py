"""Where the utility's demand forecast lies, and what of it becomes an event."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from agents.settings.parties import Settings
from protocol.units import Name, PowerW


class ForecastSettings(Settings):
    """[utility.forecast]"""

    file: Path
    """The CSV; relative to the file that names it."""
    dead_band_w: PowerW = 0
    """A shortage or surplus up to this is not worth an event."""
    issue_before_s: Annotated[int, Field(ge=60, le=7 * 86400)] = 2 * 3600
    """How long before its first slot an event is issued."""
    program_id: Name = "dr"
