"""The border to devices: simulated ones here; a real one keeps the same contract (agents/der/device.py)."""
