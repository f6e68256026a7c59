"""The plugin for pytest, as a test of somebody else uses it: a name that is not there fails, with those that are."""

import subprocess
import sys

import paths
import pytest

EVENING = paths.TESTS / "recordings" / "evening_peak.jsonl.gz"
CASES = {
    "compared.now.party('evening-peek', 'ra-3')": "there is no event 'evening-peek' in this recording; there are evening-peak",
    "compared.now.party('evening-peak', 'ra-33')": "there is no party above the devices 'ra-33' in this recording; "
    "there are utility, ac, ra-1, ra-2, ra-3, ra-4, ra-5",
    "compared.then.deal_w('evening-peak', 'untility')": "there is no party above the devices 'untility'",
    "what_if(actors={'hems-9-9': None})": "there is no party 'hems-9-9' in this recording; there are utility, ac, ",
    "what_if('ra-33.ladder=relax')": "there is no party ra-33; there are ",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of a module with a test for each case."""
    folder = tmp_path_factory.mktemp("theirs")
    tests = "".join(
        f"def test_{number}(compared, what_if):\n    {line}\n\n" for number, line in enumerate(CASES)
    )  # fmt: skip
    (folder / "test_theirs.py").write_text(
        "import pytest\n"
        f"pytestmark = pytest.mark.gridpact_recording({str(EVENING)!r})\n\n"
        "@pytest.fixture\ndef compared(what_if):\n    return what_if()\n\n"
        f"{tests}"
        "def test_right(compared):\n    assert compared.now.party('evening-peak', 'ra-3').deal_w\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder).stdout


def test_right_names_pass_and_all_others_fail(told: str) -> None:
    assert f"{len(CASES)} failed, 1 passed" in told


@pytest.mark.parametrize("line", CASES)
def test_misspelt_name_is_told_with_those_that_there_are(told: str, line: str) -> None:
    assert CASES[line] in told
