"""Finds policies by their names: those of gridpact, and those that installed packages add (docs/policies.md).

A package names its policies as entry points of the group `gridpact.policies`, `KIND.NAME = "module:object"`.
"""

from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from agents.negotiation.checked_policies import watched
from agents.negotiation.policies import METHODS, SHIPPED, Policies, PolicyKind
from agents.settings.checked import ConfigError
from agents.settings.parties import PartySettings

GROUP = "gridpact.policies"
OURS = "gridpact"


def chosen(settings: PartySettings, where: str) -> Policies:
    """The policies that a party's settings name. Raises ConfigError for one that is not installed, or cannot be used;
    `where` says in which file (and table) the settings stand."""
    return Policies.of(settings, partial(policy, where))


def policy(where: str, kind: PolicyKind, name: str) -> Any:
    """The policy of a kind and name. Raises ConfigError."""
    full = f"{kind}.{name}"
    added = [point for point in _added() if point.name == full]
    if len(added) + (full in SHIPPED) > 1:
        packages = [OURS] * (full in SHIPPED) + sorted(map(_package, added))
        raise ConfigError(f"{where}: {kind}: {' and '.join(packages)} each have a policy {name}: uninstall all but one")
    if full in SHIPPED:
        return SHIPPED[full]
    if not added:
        raise ConfigError(f"{where}: {kind}: no policy {name} is installed; there are {', '.join(names(kind))}")
    return watched(kind, full, _loaded(where, kind, added[0]))


def names(kind: PolicyKind) -> tuple[str, ...]:
    """All that there are of a kind, those of gridpact first."""
    known = dict.fromkeys([*SHIPPED, *sorted(point.name for point in _added())])
    return tuple(name.removeprefix(f"{kind}.") for name in known if name.startswith(f"{kind}."))


def _loaded(where: str, kind: PolicyKind, point: EntryPoint) -> Any:
    try:
        found = point.load()
    except Exception as error:  # noqa: BLE001 - whatever happens in there is the package's mistake, and is told as such
        text = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{where}: {kind}: {point.value} of {_package(point)} cannot be loaded: {text}") from None
    method = METHODS[kind]
    if isinstance(found, type) or not callable(getattr(found, method, None)):
        raise ConfigError(f"{where}: {kind}: {point.value} of {_package(point)} is no object with a method {method}")
    return found


@cache
def _added() -> tuple[EntryPoint, ...]:
    """By other packages than gridpact."""
    return tuple(point for point in entry_points(group=GROUP) if point.dist is None or point.dist.name != OURS)


def _package(point: EntryPoint) -> str:
    return "a package without a name" if point.dist is None else f"{point.dist.name} {point.dist.version}"
