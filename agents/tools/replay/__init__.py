"""A recorded negotiation as a carrier: checked, taken again with other settings, or played to a live party."""
