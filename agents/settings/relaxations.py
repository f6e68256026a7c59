"""What an owner agreed to loosen, looked at step by step: each one has to loosen more than what stands before it."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from agents.settings.devices import Relaxation, VehicleSpec
from agents.settings.mistakes import LONGEST_S, Mistake
from protocol.units import MAX_POWER_W

MOST_STEP = {"power_limit": MAX_POWER_W, "plug_window": LONGEST_S}


def relaxation_mistakes(spec: VehicleSpec) -> Iterator[Mistake]:
    """Steps that tighten, or that loosen what is not limited."""
    for restriction, times in Counter(one.restriction for one in spec.relaxations).items():
        if times > 1:
            yield Mistake("relaxations", f"{restriction} stands {times} times: write all steps into one")
    for index, one in enumerate(spec.relaxations):
        yield from (mistake.below(("relaxations", index)) for mistake in _steps(spec, one))


def _steps(spec: VehicleSpec, one: Relaxation) -> Iterator[Mistake]:
    key, limit = _limit(spec, one.restriction)
    if limit is None:
        yield Mistake("restriction", f"{one.restriction} needs {key}, which it would loosen")
        return
    down = one.restriction in ("departure_soc", "reserve_soc")
    way, most = "below" if down else "above", MOST_STEP.get(one.restriction)
    for number, (before, step) in enumerate(pairwise((limit, *one.steps))):
        if (step > before) if down else (step < before):
            what = "the step before it" if number else key
            yield Mistake("steps", f"{step} is not {way} {what} ({before}); the mildest step stands first")
            return
    if most is not None and one.steps[-1] > most:
        yield Mistake("steps", f"is too large: {most} is the most (it is {one.steps[-1]})")


def _limit(spec: VehicleSpec, restriction: str) -> tuple[str, int | None]:
    """The key that a restriction loosens, and what stands there."""
    match restriction:
        case "departure_soc":
            return "departure_soc_wh", spec.departure_soc_wh
        case "reserve_soc":
            return "reserve_wh", spec.reserve_wh
        case "relay_ops":
            return "relay_ops_left", spec.relay_ops_left
        case "power_limit":
            given = {"max_charge_w": spec.max_charge_w, "max_discharge_w": spec.max_discharge_w}
            return min(((key, power) for key, power in given.items() if power), key=lambda of: of[1], default=("", 0))
    return "nothing", 0
