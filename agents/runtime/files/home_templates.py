"""The homes of a scenario, built from its templates: `{n}` numbers them, what they have lived through is read from files."""

from datetime import datetime
from pathlib import Path
from typing import Any

from agents.runtime.files.derived_contracts import contract
from agents.runtime.files.metered import KEY as HISTORY
from agents.runtime.files.metered import home_with_history
from agents.runtime.files.plans import with_departure
from agents.settings.behaviour import Behaviour
from agents.settings.checked import ConfigError, checked, known
from agents.settings.contradictions import one_home_each
from agents.settings.kinds import kind_of, other_kinds
from agents.settings.members import Member
from agents.settings.parties import DerSettings
from agents.settings.scenario import HomeTemplate, ScenarioFile

AT_START = {
    "vehicle": ("state_at", "plugs_in_at"),
    "storage": ("state_at",),
    "solar": ("forecast_at",),
    "load": ("state_at",),
}
"""Instants of a device that are the scenario's start when they are not given."""


def built_homes(
    file: ScenarioFile, utility: str, where: str, folder: Path, planning: set[str], lossy: bool
) -> tuple[tuple[DerSettings, ...], dict[str, list[Member]], dict[str, Behaviour]]:
    """All homes, their contracts by their parent, and who misbehaves how. Raises ConfigError."""
    homes: list[DerSettings] = []
    members: dict[str, list[Member]] = {}
    behaviours: dict[str, Behaviour] = {}
    for index, template in enumerate(file.homes):
        place = f"{where}: homes[{index}]"
        if template.count > 1 and "{n}" not in template.name:
            raise ConfigError(f"{place}.name: needs {{n}}, as there are {template.count} of them")
        start_at = file.scenario.start_at
        devices = {"devices": list(template.devices), "connection": template.connection}
        own_files = _has_files_of_its_own(devices)
        alike = _alike(template) and not own_files
        if not own_files:
            devices = _lived_in(devices, start_at, folder, place)
        for number in range(1, template.count + 1):
            given = {
                "name": template.name,
                "parent": template.parent,
                "consent": template.consent,
                "stored_rule": template.stored_rule,
                "answers_within_s": template.answers_within_s,
                "capability_every_s": template.capability_every_s,
                "release_s": template.release_s,
                "rebound_s": template.rebound_s,
                "relax_others": template.relax_others,
                "meter_to": (utility,) if template.meter_to is None else template.meter_to,
                **(_lived_in(_numbered(devices, number), start_at, folder, place) if own_files else devices),
            }
            home = (known if alike and number > 1 else checked)(DerSettings, _numbered(given, number), place)
            homes.append(home)
            member = contract(
                home,
                template.merit,
                template.reliability_pct,
                place,
                template.answers_dispatch or (lossy and "answers_dispatch" not in template.model_fields_set),
                template.profiles and home.parent in planning,
                template.telemetry_s,
            )
            members.setdefault(home.parent, []).append(member)
            if template.behaviour is not Behaviour.NORMAL:
                behaviours[home.name] = template.behaviour
    for mistake in one_home_each("homes", homes):
        raise ConfigError(f"{where}: {mistake}")
    return tuple(homes), members, behaviours


def _lived_in(given: dict[str, Any], start_at: datetime, folder: Path, where: str) -> dict[str, Any]:
    """A home's devices and its connection point, with what their histories and plans say and the instants that are not
    given. Raises ConfigError."""
    found: dict[str, Any] = home_with_history(given, folder, where)
    devices = [dated(device, start_at) for device in found["devices"]]
    leaving = [with_departure(device, f"{where}.devices[{at}]") for at, device in enumerate(devices)]
    return {**found, "devices": leaving}


def _has_files_of_its_own(devices: dict[str, Any]) -> bool:
    """Whether each home of a template has a history of its own."""
    tables = [*devices["devices"], devices["connection"] or {}]
    return any("{n}" in str(table.get(HISTORY, "")) for table in tables)


def _alike(template: HomeTemplate) -> bool:
    """Whether its homes differ by nothing but the ids of their devices: then one stands for all."""
    return not any("{n}" in repr({**device, "resource_id": ""}) for device in template.devices)


def dated(device: dict[str, Any], start_at: datetime) -> dict[str, Any]:
    """A device with the instants that are not given."""
    kind = str(device.get("kind"))
    keys = kind_of(kind).at_start if kind in other_kinds() else AT_START.get(kind, ())
    found: dict[str, Any] = dict.fromkeys(keys, start_at) | device
    if isinstance(found.get("battery"), dict):
        battery = {"kind": "storage", "resource_id": f"{found.get('resource_id')}-battery", **found["battery"]}
        found["battery"] = dated(battery, start_at)
    return found


def _numbered(value: Any, number: int) -> Any:
    """`{n}` in every text replaced by the number."""
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, dict):
        return {key: _numbered(item, number) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbered(item, number) for item in value]
    return value
