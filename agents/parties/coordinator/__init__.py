"""The aggregation coordinator: actor, and what it decides in one event (S1-S7)."""
