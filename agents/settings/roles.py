"""The roles of daemons, by their names on the command line."""

from enum import StrEnum


class Role(StrEnum):
    """What a daemon runs. `der` stands for any number of homes, each with a connection of its own."""

    UTILITY = "utility"
    COORDINATOR = "coordinator"
    AGGREGATOR = "aggregator"
    DER = "der"
