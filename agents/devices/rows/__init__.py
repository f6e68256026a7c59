"""What vehicles can give (S50, S52), over plain rows: the same lines for one in Python and for many, compiled."""
