"""An owner looks at the limits of a device, or sets them otherwise, over the control socket."""

from collections.abc import Mapping

from agents.drivers.simulated import SimulatedDriver, VehiclePhysics
from agents.parties.der.control import Controlled
from agents.runtime.shell import Shell
from agents.settings.limits import UnfitLimits, limits_of, with_limits
from protocol.actor import Input, Limited


async def owners_limits(
    shell: Shell, resource_id: str, limits: Mapping[str, object] | None
) -> dict[str, object]:  # fmt: skip
    """The limits of a home's device, after what is changed of them. Raises UnfitLimits."""
    actor = shell.actor
    if not isinstance(actor, Controlled):
        raise UnfitLimits(f"{actor.name} is no home")
    declared = actor.home.declared.get(resource_id)
    if declared is None:
        raise UnfitLimits(f"{actor.name} has no device {resource_id} (there are {', '.join(actor.home.declared)})")
    if limits is not None:
        spec = with_limits(declared, limits)
        limited: Input = Limited(resource_id, limits)
        await shell.give(limited)
        driver = shell.stepper.drivers.get(resource_id)
        if isinstance(driver, SimulatedDriver) and isinstance(driver.physics, VehiclePhysics):
            wanted = {"departure_soc_wh": getattr(spec, "departure_soc_wh", 0)}  # a real car is told by its owner
            driver.physics.spec = driver.physics.spec.model_copy(update=wanted)
    said = actor.home.limits.get(resource_id, {})
    return {"resource_id": resource_id, "limits": limits_of(with_limits(declared, said)), "changed": list(said)}
