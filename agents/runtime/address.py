"""The table [broker] as the carriers take it: where drivers find it, too."""

from agents.drivers.address import PATHS, address_of, placed

__all__ = ["PATHS", "address_of", "placed"]
