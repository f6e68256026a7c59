"""The rules that a device is held to, as they stand in rules.yaml."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from agents.settings.checked import known
from agents.settings.parties import Settings
from agents.tools.conform.profile import DeviceFeature
from agents.tools.conform.yaml_file import read_yaml

RULES = Path(__file__).parent / "rules.yaml"


class Level(StrEnum):
    """Of RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class ConformRule(Settings):
    """One rule."""

    id: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$")]
    level: Level
    text: str
    feature: DeviceFeature | None = None
    """Only of devices that have it."""


@cache
def rules() -> Mapping[str, ConformRule]:
    """By id, in their order."""
    return {rule.id: rule for rule in known(tuple[ConformRule, ...], read_yaml(RULES), str(RULES))}
