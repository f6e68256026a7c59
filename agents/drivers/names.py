"""Names of drivers that are known where no driver is loaded."""

SIMULATED = "simulated"
"""Of a device that is none."""
