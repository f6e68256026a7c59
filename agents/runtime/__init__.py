"""What carries actors into the world: shell, journal, daemon, fleet, files.
May import drivers and what lies above it, and broker.
Begin with shell.py, then journal/journal.py.
"""
