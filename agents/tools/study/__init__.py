"""What the fallbacks are worth: the negotiation over many real events, with and without each of them."""
