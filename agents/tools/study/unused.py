"""The field's measure: how much of what many stores could do together an aggregate of them leaves unused.

The unused potential ratio of Öztürk, Faulwasser, Worthmann, Preißinger and Rheinberger (IEEE Transactions on Smart Grid 15,
2024, arXiv 2311.01614) is (reached - best) / (worst - best) of what is to be small: best is the optimum over all devices, worst
is what is there without their flexibility. They take it of costs and of the greatest power; here it is what stays missing of
a request, as energy and as the share of the slot that misses most. 0: nothing is left unused, 100: all of it.
"""


def unused_potential_pct(reached: float, best: float, worst: float) -> float | None:
    """Percent, of what is to be small; None where there is no potential."""
    return None if worst <= best else 100 * (reached - best) / (worst - best)
