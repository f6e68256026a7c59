"""From which share of a request an alternative is accepted in a study."""

ACCEPT_PCT = 70
"""An alternative is accepted, by the coordinator (S4) and by the utility, when it gives this share in every slot."""
