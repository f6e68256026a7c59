"""Thousands of homes in one process: S50 to S54 as arrays, with the same answers as the single actor's."""
