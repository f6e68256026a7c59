"""An own policy and an own device against a recorded evening: `pytest examples/test_policy.py`.

The plugin comes with gridpact. The recording is any that `gridpact replay as-test` wrote, or a directory of journals.
"""

import pytest

from agents.parties.der.actor import Der

pytestmark = pytest.mark.gridpact_recording("../tests/recordings/evening_peak.jsonl.gz")


def test_without_relaxing_no_owner_is_disturbed(what_if):
    compared = what_if("ladder=own_storage,alternative")
    assert compared.then.party("evening-peak", "ra-3").disturbed == 2
    assert compared.now.party("evening-peak", "ra-3").disturbed == 0


def test_device_of_our_own_changes_no_deal(recording, what_if):
    device = Der(recording.cast.settings["hems-1-1"])  # put your own actor here
    compared = what_if(devices="recorded", actors={"hems-1-1": device})
    assert compared.now.deal_w("evening-peak", "utility") == compared.then.deal_w("evening-peak", "utility")
