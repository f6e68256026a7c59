"""Exit codes of `gridpact`."""

from enum import IntEnum, unique


@unique
class Exit(IntEnum):
    OK = 0
    NEGATIVE = 1
    """The answer is no. `up`, `simulate`, `request`: no deal. `replay`: not what this software makes of the recording.
    `doctor`: something is wrong."""
    USAGE = 2
    """A mistake on the command line or in a file; one sentence says which."""
    BROKER = 3
    """No broker: not installed, not started, or not reached in time."""
    CONTROL = 4
    """No daemon answered on its control socket, or it refused the command."""
    JOURNAL = 5
    """The journal cannot be used: in use by another process, damaged, or of another version; one sentence says which."""
    FAULT = 70
    """A fault of our own; its traceback stands on stderr."""
    STOPPED = 130
    """Stopped by Ctrl-C; `up`: before there was a deal."""
