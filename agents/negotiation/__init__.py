"""A party's sides of one event: what it hears, asks, awards, repairs and meters; plans/ share out.
May import devices, settings and protocol.
Begin with party.py, then asking.py.
"""
