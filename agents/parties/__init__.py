"""The actors: utility, coordinator (S1-S7), aggregator (S20-S36), DER (S50-S54), and many DERs (fleet/).
May import negotiation, devices, settings and protocol.
Begin with aggregator/actor.py.
"""
