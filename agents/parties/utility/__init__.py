"""The utility: actor, what it decides in one event, and its smart meters."""
