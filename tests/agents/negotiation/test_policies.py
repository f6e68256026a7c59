import tomllib
from importlib.metadata import EntryPoint

import pytest
from paths import ROOT

from agents.negotiation.policies import METHODS, SHIPPED, Policies, PolicyKind
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings, CoordinatorSettings, UtilitySettings


def test_entry_points_of_gridpact_are_the_shipped_policies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["gridpact.policies"]
    assert list(points) == list(SHIPPED)
    for name, value in points.items():
        assert EntryPoint(name, value, "gridpact.policies").load() is SHIPPED[name]


def test_each_shipped_policy_has_the_method_of_its_kind() -> None:
    assert list(METHODS) == list(PolicyKind)
    for name, policy in SHIPPED.items():
        assert callable(getattr(policy, METHODS[PolicyKind(name.partition(".")[0])]))


def test_settings_without_a_name_have_the_shipped_policies() -> None:
    member = Member(name="ra-1", kind="aggregator")
    for settings in (
        UtilitySettings(children=("ac",)),
        CoordinatorSettings(name="ac", members=(member,)),
        AggregatorSettings(name="ra-1", parent="ac"),
    ):
        assert Policies.of(settings) == Policies()


def test_settings_choose_by_name() -> None:
    settings = AggregatorSettings(name="ra-1", parent="ac", request_values="merit_order", sharing="least_relay_wear")
    chosen = Policies.of(settings)
    assert chosen.request_values is SHIPPED["request_values.merit_order"]
    assert chosen.sharing is SHIPPED["sharing.least_relay_wear"]


def test_name_that_is_not_shipped_is_never_another_policy() -> None:
    settings = AggregatorSettings(name="ra-1", parent="ac", request_values="evenly")
    with pytest.raises(ValueError, match="request_values: evenly is not shipped"):
        Policies.of(settings)
