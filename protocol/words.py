"""The words of the messages: what fields say that is neither a number nor a name."""

from enum import StrEnum


class Restriction(StrEnum):
    """What keeps a device from giving more in a slot (S50), and what its owner may have agreed to loosen (S52)."""

    DEPARTURE_SOC = "departure_soc"
    """What the vehicle has to have in it when it departs."""
    RESERVE_SOC = "reserve_soc"
    """What its owner wants to keep in it."""
    POWER_LIMIT = "power_limit"
    """The device, or the home's connection, carries no more."""
    RELAY_OPS = "relay_ops"
    """Its relay has switched as often as it may in a day."""
    PLUG_WINDOW = "plug_window"
    """The vehicle is not there, or not for the whole slot."""
    MIN_POWER = "min_power"
    """It cannot run below a power, and not so far as asked."""
    CAPACITY = "capacity"
    """The battery (or tank) is full."""
    GENERATION = "generation"
    """No more sun than forecast."""
    COMFORT = "comfort"
    """A flexible load's service (hot water, warmth) would suffer."""
    COMMITTED = "committed"
    """On offer or promised in another event."""


class OptReason(StrEnum):
    """Opt reasons of OpenADR 2.0b, verbatim."""

    ECONOMIC = "economic"
    """It does not pay."""
    EMERGENCY = "emergency"
    """An emergency at the device's place."""
    MUST_RUN = "mustRun"
    """It cannot give anything now."""
    NOT_PARTICIPATING = "notParticipating"
    """Its owner takes no part."""
    OUTAGE_RUN_STATUS = "outageRunStatus"
    """It does not run, or the grid is gone."""
    OVERRIDE_STATUS = "overrideStatus"
    """Its owner said no to this event."""
    PARTICIPATING = "participating"
    """It takes part."""


class Opt(StrEnum):
    """Whether a child takes part."""

    IN = "opt_in"
    """Takes part, with the power that is told."""
    OUT = "opt_out"
    """Takes no part: all power is 0."""


class Basis(StrEnum):
    """Which computation an offer stands on: S51 `own`, S53 `relaxed`."""

    OWN = "own"
    """With nothing loosened."""
    RELAXED = "relaxed"
    """With what its owner agreed to loosen: the answer to a `relax`."""


class OptionBasis(StrEnum):
    """Which sum an alternative stands on: S24 `offers`, S26 `storage`, S30 `relaxed`."""

    OFFERS = "offers"
    """What the children offer."""
    STORAGE = "storage"
    """The aggregator's own storage."""
    RELAXED = "relaxed"
    """What the children offer with something loosened."""


class Shape(StrEnum):
    """How an option of an alternative differs from what was asked."""

    TRUNCATED = "truncated"
    """In each slot what there is, at most what is asked."""
    FLAT = "flat"
    """The same power in every slot."""
    SHIFTED = "shifted"
    """The same energy in other slots."""


class Outcome(StrEnum):
    """What an award says came of the negotiation."""

    CONCLUDED = "concluded"
    """There is a deal."""
    NOT_NEEDED = "not_needed"
    """Enough was found elsewhere: the offer is free."""
    NO_DEAL = "no_deal"
    """Nothing came of the event: the offer is free."""
    CANCELLED = "cancelled"
    """The deal that stood is over, from now on."""


class ResourceKind(StrEnum):
    """What a resource is."""

    VEHICLE = "vehicle"
    """A car that charges, and perhaps discharges."""
    STORAGE = "storage"
    """A battery, or a tank of heat."""
    SOLAR = "solar"
    """An inverter of the sun."""
    LOAD = "load"
    """Whatever else takes power."""
    AGGREGATE = "aggregate"
    """What an aggregator offers as the child of another."""


class EventStatus(StrEnum):
    """OpenADR's event status, as a device reports it."""

    FAR = "far"
    """Known, long before its first slot."""
    NEAR = "near"
    """Before its first slot, or before the slot that is told."""
    ACTIVE = "active"
    """Under way."""
    COMPLETED = "completed"
    """Its last slot is over."""
    CANCELLED = "cancelled"
    """Cancelled in this slot: the reading is until then."""


class ReadingType(StrEnum):
    """OpenADR 3.1 reading types that we use, verbatim."""

    DIRECT_READ = "DIRECT_READ"
    """A meter's."""
    ESTIMATED = "ESTIMATED"
    """Not metered."""
    SUMMED = "SUMMED"
    """The sum of what others have metered."""


class Fallback(StrEnum):
    """What a device does when a dispatch runs out and no other follows."""

    OWN_SCHEDULE = "own_schedule"
    """Go back to what it would do by itself."""
    HOLD = "hold"
    """Keep the set-point until the slot ends, then the own schedule."""


class Side(StrEnum):
    """An end of an edge."""

    PARENT = "parent"
    """Who asks."""
    CHILD = "child"
    """Who is asked."""
