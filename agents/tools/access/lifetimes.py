"""How long certificates are good."""

from datetime import timedelta

VALID = timedelta(days=396)
"""Thirteen months: renewed once a year, with a month to notice that it was not."""
AUTHORITY_VALID = timedelta(days=3653)
BACKDATED = timedelta(minutes=5)
"""For peers whose clock is slow."""
