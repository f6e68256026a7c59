"""Who took part in a recording, as far as their settings are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agents.settings.daemon import PartiesConfig
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, DerSettings, PartySettings, UtilitySettings


@dataclass(frozen=True, slots=True)
class Cast:
    """Settings by the party's name, those above first."""

    settings: Mapping[str, PartySettings] = field(default_factory=dict)

    @classmethod
    def of(cls, configurations: Iterable[PartiesConfig]) -> "Cast":
        """Everybody in the configurations of some processes; where a name stands twice, the last one counts."""
        found: dict[str, PartySettings] = {}
        for one in configurations:
            found |= {party.name: party for party in one.each()}
        return cls(dict(sorted(found.items(), key=lambda item: _tier(item[1]))))

    def above_devices(self) -> tuple[str, ...]:
        """Utility, coordinator and aggregators."""
        return tuple(name for name, party in self.settings.items() if not isinstance(party, DerSettings))

    def homes(self) -> tuple[str, ...]:
        return tuple(name for name, party in self.settings.items() if isinstance(party, DerSettings))


def _tier(settings: PartySettings) -> int:
    return [UtilitySettings, CoordinatorSettings, AggregatorSettings, DerSettings].index(type(settings))
