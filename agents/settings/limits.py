"""What an owner may change of a device while its home runs: the limits that hold in every event, and how far they may be
loosened. Everything else of a device stands in its settings."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from agents.settings.checked import mistakes, sentence
from agents.settings.devices import Spec

S = TypeVar("S", bound=Spec)

LIMITS = (
    "departure_soc_wh", "reserve_wh", "least_wh", "relay_ops_left", "relay_ops_a_day", "least_c", "most_c",
    "relaxations", "comfort_steps_k",
)  # fmt: skip
"""Keys of devices' settings, of whatever kind."""


class UnfitLimits(ValueError):
    """Limits that a device cannot have; one sentence."""


def limits_of(spec: Spec) -> dict[str, object]:
    """Those that a device has, as plain values."""
    return {key: value for key, value in spec.model_dump(mode="json").items() if key in LIMITS}


def with_limits(spec: S, limits: Mapping[str, object]) -> S:
    """The device with other limits. Raises UnfitLimits."""
    known = type(spec).model_fields
    for key in limits:
        if key not in LIMITS or key not in known:
            raise UnfitLimits(f"{spec.resource_id} has no limit {key}")
    try:
        made = type(spec).model_validate(spec.model_dump(mode="json") | dict(limits))
    except ValidationError as error:
        raise UnfitLimits(f"{spec.resource_id}: {sentence(error)}") from None
    for mistake in mistakes(made):
        raise UnfitLimits(f"{spec.resource_id}: {mistake}")
    return spec.model_copy(update={key: getattr(made, key) for key in limits})
