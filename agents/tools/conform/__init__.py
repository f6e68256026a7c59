"""A device against the contract: `gridpact conform` plays its aggregator, by procedures that a maker can read."""
