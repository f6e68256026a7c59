"""Finds what installed packages add to gridpact, by the names that settings have: entry points of one group.

A name that two packages have, gridpact being one of them, is refused where it is used.
"""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from agents.settings.checked import ConfigError

OURS = "gridpact"


def point_of(group: str, name: str, shipped: Iterable[str], where: str, noun: str) -> EntryPoint | None:
    """What is installed under a name; None for one that is shipped. Raises ConfigError for one that is not there, or there
    twice; `where` says in which file and at which key it is named, `noun` what it is of."""
    short, ours = name.rpartition(".")[2], name in shipped
    found = [point for point in added(group) if point.name == name]
    if len(found) + ours > 1:
        packages = [OURS] * ours + sorted(map(package_of, found))
        raise ConfigError(f"{where}: {' and '.join(packages)} each have a {noun} {short}: uninstall all but one")
    if not found and not ours:
        kind = name.removesuffix(short)
        there = ", ".join(one.removeprefix(kind) for one in names(group, shipped) if one.startswith(kind))
        raise ConfigError(f"{where}: no {noun} {short} is installed; there are {there}")
    return found[0] if found else None


def names(group: str, shipped: Iterable[str]) -> tuple[str, ...]:
    """All names of a group, those of gridpact first."""
    return tuple(dict.fromkeys([*shipped, *sorted(point.name for point in added(group))]))


def loaded(point: EntryPoint, where: str) -> Any:
    """What an entry point names. Raises ConfigError when it cannot be loaded."""
    try:
        return point.load()
    except Exception as error:  # noqa: BLE001 - whatever happens in there is the package's mistake, and is told as such
        text = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{where}: {point.value} of {package_of(point)} cannot be loaded: {text}") from None


@cache
def added(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of other packages than gridpact."""
    return tuple(point for point in entry_points(group=group) if point.dist is None or point.dist.name != OURS)


def package_of(point: EntryPoint) -> str:
    """Which package has it, for people."""
    return "a package without a name" if point.dist is None else f"{point.dist.name} {point.dist.version}"
