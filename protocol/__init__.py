"""Floor 0: the language of gridpact. Pure: no sockets, no clock, no randomness."""
