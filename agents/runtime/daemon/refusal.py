"""What comes of a command that a daemon does not follow."""


class CommandRefusal(ValueError):
    """A command that cannot be followed; one sentence."""
