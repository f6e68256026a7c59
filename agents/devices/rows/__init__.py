"""S50 of many vehicles at once: the code of one, over plain rows, compiled where numba is."""
