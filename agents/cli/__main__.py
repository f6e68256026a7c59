"""`python -m agents.cli`: the command where no script is installed."""

from agents.cli import main

main()
