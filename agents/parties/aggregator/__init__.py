"""The resource aggregator: actor, and what it decides in one event (S20-S36): the role is a frame, the rest its parts."""
