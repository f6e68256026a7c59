"""The command `gridpact`: arguments in, an exit code out; mistakes are one sentence on stderr.
May import everything.
Begin with app.py.
"""

import sys

from agents.cli.ours import foreign_packages


def main() -> None:
    """Entry point of the script: check the packages, then run the command; exits."""
    problem = foreign_packages()
    if problem is not None:
        print(f"gridpact: {problem}", file=sys.stderr)
        sys.exit(2)
    from agents.cli.app import call  # only now: it imports the packages that were checked

    sys.exit(call(sys.argv[1:]))
