"""Numbers of a new life: who has lost its memory sends again under numbers above all that it may have used before."""

LIFE = 20
"""By so much the number of a message rises with a life; an earlier one has used fewer rounds or revisions."""
MOST = 10 * LIFE
"""Up to this number a new life is tried: a peer that refuses for ever is not asked for ever."""

TRIES = MOST // LIFE
"""As often an answer is said again to a peer that says to know no award of what it has awarded."""


def next_life(number: int) -> int:
    """The number of a message above those of an earlier life, which has used this one; 0: that was tried often enough."""
    return number + LIFE if number + LIFE <= MOST else 0
