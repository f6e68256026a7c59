"""Who may come in: an authority for certificates, and a broker's files made from the books."""
