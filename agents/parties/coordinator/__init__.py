"""The aggregation coordinator: actor, what it decides in one event (S1-S7), how it judges, and what it takes of whom."""
