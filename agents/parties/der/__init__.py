"""A DER: actor, control, home, and who holds what of its devices."""
