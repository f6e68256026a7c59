"""The resource aggregator (RA): S20-S36."""
