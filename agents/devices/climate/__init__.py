"""An air conditioner or a heat pump that heats or cools a room: its comfort limits are a store of heat.

The room is a model of first order: its temperature runs towards that outside with the time constant of its heat capacity
over its loss, and every watt of electricity moves it by the coefficient of performance. By itself the device keeps the
wished temperature: it makes up for the loss, and comes back from a deviation within about `returns_h` hours. In an event
it deviates within the limits of comfort, which the owner may have agreed in advance to loosen, step by step.

Sound: at every edge of every slot, and after the event as long as other events hold something, the room is within its
limits, or no further outside than it would have been. Of what fits, the most even profile; not always the greatest sum,
because heat leaks: what is saved early is partly gone later.
"""

from agents.devices.climate.device import climate

__all__ = ["climate"]
