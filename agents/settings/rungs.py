"""The fallbacks of an aggregator's ladder, and how a coordinator asks: by their names in files and on the command line."""

from enum import StrEnum


class Rung(StrEnum):
    """The fallbacks of the aggregator's ladder. Their order is the ladder; one that is left out is not climbed."""

    SURPLUS = "surplus"
    PLAN = "plan"
    OWN_STORAGE = "own_storage"
    RELAX = "relax"
    ALTERNATIVE = "alternative"


class PlanMode(StrEnum):
    """S1: the same plan to every aggregator, one by each one's scale, or one by what each could probably give (by its scale,
    as long as not all of them have told that)."""

    SAME = "same"
    BY_SCALE = "by_scale"
    BY_ABILITY = "by_ability"
