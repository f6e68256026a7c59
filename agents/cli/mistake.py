"""A mistake, told in one line on stderr."""

import sys

from agents.runtime.exits import Exit


def mistake(text: str, code: Exit) -> Exit:
    """Say what is wrong; the exit code. What was typed may have got into it: nothing in it moves a cursor."""
    if not text.isprintable():
        from protocol.units import printed  # what stands on the command line is seldom of that sort

        text = printed(" ".join(text.splitlines()))
    print(f"gridpact: {text}", file=sys.stderr)
    return code
