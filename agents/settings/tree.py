"""What may not stand together in a scenario as a whole: who is whose parent, whose device it is, and when."""

from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from itertools import chain

from agents.settings.checked import near
from agents.settings.contradictions import resources
from agents.settings.devices import FIRST_KINDS, SolarSpec
from agents.settings.kinds import kind_of
from agents.settings.mistakes import Mistake
from agents.settings.parties import AggregatorSettings, CoordinatorSettings
from agents.settings.scenario import Scenario
from protocol.units import SLOT


def tree_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """The first mistakes of a scenario whose parts are right by themselves."""
    yield from _references(scenario)
    yield from _books(scenario)
    yield from _devices(scenario)
    yield from _times(scenario)


def _references(scenario: Scenario) -> Iterator[Mistake]:
    """Every party that is named as somebody's parent is there."""
    utility, ac = scenario.utility, scenario.coordinator
    above = [ac.name, *(ra.name for ra in scenario.aggregators)]
    if ac.parent != utility.name:
        yield Mistake("coordinator.parent", _nobody(ac.parent, [utility.name]))
    if ac.name not in utility.children:
        yield Mistake("utility.children", f"the coordinator, {ac.name}, is not among them")
    for name in utility.children:
        if name != ac.name:
            yield Mistake("utility.children", _nobody(name, [ac.name]))
    metered = {*(ra.name for ra in scenario.aggregators), *(home.name for home in scenario.homes)}
    for name in utility.meters:
        if name not in metered:
            yield Mistake("utility.meters", f"there is no {name}{near(name, sorted(metered))}")
    for index, ra in enumerate(scenario.aggregators):
        if ra.parent not in above:
            yield Mistake(f"aggregators[{index}].parent", _nobody(ra.parent, above))
    everybody = {*above, utility.name}
    for home in scenario.homes:
        for name in home.meter_to:
            if name not in everybody:
                yield Mistake(f"homes: {home.name}: meter_to", _nobody(name, sorted(everybody)))
    for index, ra in enumerate(scenario.aggregators):
        for name in ra.meter_to:
            if name not in everybody - {ra.name}:
                yield Mistake(f"aggregators[{index}].meter_to", _nobody(name, sorted(everybody - {ra.name})))


def _nobody(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    return f"there is no {name} ({hint})" if len(names) > 1 or near else f"there is no {name}, only {names[0]}"


def _books(scenario: Scenario) -> Iterator[Mistake]:
    """Nobody is under contract with another party than its parent, and no resource with two."""
    parents = {ra.name: ra.parent for ra in scenario.aggregators} | {home.name: home.parent for home in scenario.homes}
    owners: dict[str, str] = {}
    books: list[CoordinatorSettings | AggregatorSettings] = [scenario.coordinator, *scenario.aggregators]
    for book in books:
        for member in book.members:
            if parents.get(member.name, book.name) != book.name:
                text = f"{member.name} stands in the book of {book.name}, and its parent is {parents[member.name]}"
                yield Mistake("members", text)
            for resource in member.resources:
                owner = owners.setdefault(resource, book.name)
                if owner != book.name:
                    yield Mistake("members", f"resource {resource} stands in the book of {owner} and of {book.name}")


def _devices(scenario: Scenario) -> Iterator[Mistake]:
    """No storage of an aggregator stands at another one, or in a home."""
    owners = {resource: home.name for home in scenario.homes for resource in resources(home)}
    for ra in scenario.aggregators:
        for battery in ra.storage:
            owner = owners.setdefault(battery.resource_id, ra.name)
            if owner != ra.name:
                yield Mistake("aggregators", f"resource_id {battery.resource_id} stands in {owner} and in {ra.name}")


def _times(scenario: Scenario) -> Iterator[Mistake]:
    """What is said of the devices, and what is asked, is of the scenario's own days."""
    span = f"the scenario, {scenario.start_at:%Y-%m-%dT%H:%MZ} to {scenario.ends_at:%Y-%m-%dT%H:%MZ}"
    for index, event in enumerate(scenario.utility.events):
        if not scenario.start_at < event.start < scenario.ends_at:
            text = f"{event.start:%Y-%m-%dT%H:%MZ} is outside of {span}"
            yield Mistake(f"utility.events[{index}].start", text)
    owned = chain.from_iterable(((home.name, spec) for spec in home.devices) for home in scenario.homes)
    for owner, spec in chain(owned, ((ra.name, battery) for ra in scenario.aggregators for battery in ra.storage)):
        place = f"{owner}: {spec.resource_id}"
        if isinstance(spec, SolarSpec):
            over_at = spec.forecast_at + SLOT * len(spec.forecast_w)
            over = over_at <= scenario.start_at and not spec.forecast_repeats
            if spec.forecast_at >= scenario.ends_at or over:
                yield Mistake(
                    f"{place}: forecast_at",
                    f"the forecast, from {spec.forecast_at:%Y-%m-%dT%H:%MZ} on, is outside of {span}",
                )
            continue
        for key in ("state_at",) if spec.kind in FIRST_KINDS else kind_of(spec.kind).at_start:
            at = getattr(spec, key)
            if isinstance(at, datetime) and at > scenario.ends_at:
                yield Mistake(f"{place}: {key}", f"{at:%Y-%m-%dT%H:%MZ} is after {span}")
