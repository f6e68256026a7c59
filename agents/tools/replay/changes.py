"""Another policy for a recorded negotiation: settings changed by name, checked by the models that daemons use."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agents.negotiation.policies import PolicyKind
from agents.runtime.policies import policy
from agents.settings.checked import ConfigError, known, mistakes
from agents.settings.parties import (
    AggregatorSettings,
    CoordinatorSettings,
    DerSettings,
    PartySettings,
    Rung,
    UtilitySettings,
)
from agents.tools.replay.cast import Cast

ROLES: dict[str, type[PartySettings]] = {
    "utility": UtilitySettings,
    "coordinator": CoordinatorSettings,
    "aggregators": AggregatorSettings,
    "homes": DerSettings,
}
"""Words that stand for all parties of a role."""
FIXED = ("name", "parent", "children", "members", "meters", "meter_to", "storage", "devices", "events")
"""Changing these would make another tree, other devices or another event."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting. `who` is a party's name or a role's word; empty: everybody who has the setting."""

    who: str
    key: str
    value: Any
    """A text as it was typed, or what the setting takes."""

    def __str__(self) -> str:
        return f"{self.who}.{self.key}" if self.who else self.key

    @classmethod
    def read(cls, text: str) -> "SettingChange":
        """From `ladder=own_storage,relax` or `ra-1.ladder=...`. Raises ConfigError."""
        where, equals, value = text.partition("=")
        who, _, key = where.rpartition(".")
        if not equals or not key:
            raise ConfigError(f"--set {text}: is written KEY=VALUE or PARTY.KEY=VALUE")
        return cls(who.strip(), key.strip(), value.strip())


def changed(cast: Cast, changes: Iterable[SettingChange], without: Iterable[Rung] = ()) -> Cast:
    """The same parties with other settings; `without` takes rungs off every ladder. Raises ConfigError."""
    settings = dict(cast.settings)
    for change in changes:
        concerned = [name for name, party in settings.items() if _concerns(change, name, party)]
        if not concerned:
            raise ConfigError(_nobody(change, cast))
        for name in concerned:
            settings[name] = _with(settings[name], change)
    dropped = tuple(without)
    for name, party in settings.items():
        if isinstance(party, AggregatorSettings):
            settings[name] = party.model_copy(
                update={"ladder": tuple(rung for rung in party.ladder if rung not in dropped)}
            )
    return Cast(settings)


def _concerns(change: SettingChange, name: str, party: PartySettings) -> bool:
    named = change.who in ("", name) or isinstance(party, ROLES.get(change.who, ()))
    return named and change.key in type(party).model_fields


def _nobody(change: SettingChange, cast: Cast) -> str:
    if change.who and change.who not in (*cast.settings, *ROLES):
        names = ", ".join(dict.fromkeys([*ROLES, *cast.above_devices()]))
        return f"--set {change}: there is no party {change.who}; there are {names}"
    return f"--set {change}: there is no setting {change.key}"


def _with(party: PartySettings, change: SettingChange) -> PartySettings:
    before = getattr(party, change.key)
    if change.key in FIXED:
        raise ConfigError(f"--set {change}: cannot be changed here; only a policy can")
    value = change.value
    if isinstance(value, str):
        if isinstance(before, tuple):
            value = [part.strip() for part in value.split(",") if part.strip()]
        elif value == "none":
            value = None
    made = known(type(party), party.model_dump() | {change.key: value}, f"--set {change}")
    for mistake in mistakes(made, {change.key: value}):
        if mistake.key.startswith(change.key):  # the rest was kept as it is
            raise ConfigError(f"--set {change}: {mistake}")
    if change.key in list(PolicyKind):
        policy(f"--set {change}", PolicyKind(change.key), getattr(made, change.key))
    return made
