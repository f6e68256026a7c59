"""The resource aggregator: actor, own storage (S26), dispatch (claim 1)."""
