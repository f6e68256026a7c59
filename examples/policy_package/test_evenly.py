"""`pytest` in this directory, once the package is installed. The plugin comes with gridpact."""

import pytest
from gridpact_evenly import evenly

from agents.negotiation.policies import MemberCapability

RECORDING = "../../tests/recordings/evening_peak.jsonl.gz"  # put your own evening here


def test_small_home_is_asked_for_as_much_as_a_large_one():
    members = [MemberCapability("small", (1000, 1000)), MemberCapability("large", (9000, 9000))]
    assert evenly.values((1200, 3000), members, over_request=False) == {"small": (600, 1000), "large": (600, 2000)}


@pytest.mark.gridpact_recording(RECORDING)
def test_recorded_evening_ends_with_the_same_deal(what_if):
    compared = what_if("request_values=evenly")
    assert compared.changed
    assert compared.now.deal_w("evening-peak") == compared.then.deal_w("evening-peak")
