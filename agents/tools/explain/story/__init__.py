"""The story of one event: what is read from the evidence, and what text, page and JSON are written from.

Power is whole W per slot, a magnitude in the event's direction; energy whole Wh; instants aware UTC. Lists stand in
the order in which things happened, children in the order in which they were asked.
"""
