"""A DER: actor, what it does under control, its home, meter and resident, and who holds what of its devices."""
