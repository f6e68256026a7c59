"""Finds policies by their names: those of gridpact, and those that installed packages add (docs/policies.md).

A package names its policies as entry points of the group `gridpact.policies`, `KIND.NAME = "module:object"`.
"""

from functools import partial
from typing import Any

from agents.negotiation.checked_policies import watched
from agents.negotiation.policies import METHODS, SHIPPED, Policies, PolicyKind
from agents.settings.checked import ConfigError
from agents.settings.installed import loaded, package_of, point_of
from agents.settings.installed import names as names_of
from agents.settings.parties import PartySettings

GROUP = "gridpact.policies"


def chosen(settings: PartySettings, where: str) -> Policies:
    """The policies that a party's settings name. Raises ConfigError for one that is not installed, or cannot be used;
    `where` says in which file (and table) the settings stand."""
    return Policies.of(settings, partial(policy, where))


def policy(where: str, kind: PolicyKind, name: str) -> Any:
    """The policy of a kind and name. Raises ConfigError."""
    full = f"{kind}.{name}"
    point = point_of(GROUP, full, SHIPPED, f"{where}: {kind}", "policy")
    if point is None:
        return SHIPPED[full]
    found, method = loaded(point, f"{where}: {kind}"), METHODS[kind]
    if isinstance(found, type) or not callable(getattr(found, method, None)):
        raise ConfigError(f"{where}: {kind}: {point.value} of {package_of(point)} is no object with a method {method}")
    return watched(kind, full, found)


def names(kind: PolicyKind) -> tuple[str, ...]:
    """All that there are of a kind, those of gridpact first."""
    return tuple(name.removeprefix(f"{kind}.") for name in names_of(GROUP, SHIPPED) if name.startswith(f"{kind}."))
